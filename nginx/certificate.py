"""Make a self-signed certificate, for a checkout and for tests: `make cert`."""

import ipaddress
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# The longest validity that browsers accept; a new one is easily made.
DAYS = 365
NAMES = ("localhost", "127.0.0.1")


def make_certificate(directory: Path, names: Sequence[str] = NAMES) -> tuple[Path, Path]:
    """Return the paths of a certificate for these names and of its key; make them if missing."""
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    if certificate.exists() and key.exists():
        return certificate, key
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    subject_names = ",".join(_subject_name(name) for name in names)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", str(DAYS), "-subj", f"/CN={names[0]}"]
    command += ["-addext", f"subjectAltName={subject_names}"]
    # A certificate that can be trusted on its own, and cannot sign others.
    command += ["-addext", "basicConstraints=critical,CA:false"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    key.chmod(0o600)
    return certificate, key


def _subject_name(name: str) -> str:
    try:
        return f"IP:{ipaddress.ip_address(name.strip('[]'))}"
    except ValueError:
        return f"DNS:{name}"


if __name__ == "__main__":
    certificate, _ = make_certificate(Path("var/nginx"), sys.argv[1:] or NAMES)
    sys.stdout.write(f"{certificate}\n")
