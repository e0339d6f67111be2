"""What TLS offers is Mozilla's intermediate, and nothing beside it."""

import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nginx.certificate import make_certificate
from tests.nginx.running import Client, make_front, running

# Guidelines 5.8: those of the suites that the certificate's kind of key allows.
SUITES = {
    "ec": {
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    },
    "rsa": {
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-RSA-CHACHA20-POLY1305",
    },
}


@pytest.fixture(scope="module", params=SUITES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def client(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    directory = tmp_path_factory.mktemp(kind)
    if kind == "rsa":
        make_rsa_certificate(directory)
    with running(make_front(directory, [directory / "none.sock"])) as client:
        yield client


def make_rsa_certificate(directory: Path) -> None:
    """Make one with another key in the place of ours."""
    certificate, key = make_certificate(directory)
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365"]
    command += [*subject, "-addext", "basicConstraints=critical,CA:false"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)


def handshake(
    client: Client, version: ssl.TLSVersion, ciphers: str = "ALL:@SECLEVEL=0"
) -> tuple[str, str | None] | None:
    """Return the suite and the version that were agreed on; None if there is no agreement."""
    client.context = ssl.create_default_context(cafile=client.front.certificate)
    client.context.set_ciphers(ciphers)
    # Old ones are warned of where they are asked for.
    client.context.minimum_version = client.context.maximum_version = version
    try:
        with client.secure_socket() as secure:
            suite = secure.cipher()
            assert suite is not None
            return suite[0], secure.version()
    except (ssl.SSLError, ConnectionResetError):
        return None


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_old_versions_are_refused(client: Client, version: str) -> None:
    assert handshake(client, ssl.TLSVersion[version]) is None


def test_newest_version(client: Client) -> None:
    agreed = handshake(client, ssl.TLSVersion.TLSv1_3)
    assert agreed is not None
    assert agreed[1] == "TLSv1.3"


def test_suites(client: Client, kind: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    known = [suite["name"] for suite in context.get_ciphers() if suite["protocol"] != "TLSv1.3"]
    version = ssl.TLSVersion.TLSv1_2
    accepted = {name for name in known if handshake(client, version, f"{name}:@SECLEVEL=0")}
    assert accepted == SUITES[kind]
    assert len(known) > 50


def test_client_chooses(client: Client, kind: str) -> None:
    for suite in SUITES[kind]:
        others = ":".join([suite, *(SUITES[kind] - {suite})])
        agreed = handshake(client, ssl.TLSVersion.TLSv1_2, others)
        assert agreed is not None
        assert agreed[0] == suite


def test_no_session_tickets(client: Client) -> None:
    """Their key would live for as long as nginx does."""
    handshake(client, ssl.TLSVersion.TLSv1_2)
    with client.secure_socket() as secure:
        assert secure.session is not None
        assert not secure.session.has_ticket


def test_sslyze_agrees(client: Client) -> None:
    """It has no wheel, so it is not among the pinned requirements."""
    here = Path(sys.executable).parent
    sslyze = shutil.which("sslyze", path=here) or shutil.which("sslyze")
    if not sslyze:
        pytest.skip("needs sslyze: pipx install sslyze")
    command = [sslyze, "--mozilla_config", "intermediate", "--certinfo_ca_file"]
    told = subprocess.run(
        [*command, client.front.certificate, client.host], capture_output=True, text=True
    )
    assert "OK - Compliant" in told.stdout, told.stdout[-2000:]
