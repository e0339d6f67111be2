"""What TLS offers is Mozilla's intermediate, and nothing beside it."""

import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from nginx.certificate import make_certificate
from tests.nginx.running import make_front, running

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
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def client(kind, tmp_path_factory):
    directory = tmp_path_factory.mktemp(kind)
    if kind == "rsa":
        make_rsa_certificate(directory)
    with running(make_front(directory, [directory / "none.sock"])) as client:
        yield client


def make_rsa_certificate(directory):
    """Make one with another key in the place of ours."""
    certificate, key = make_certificate(directory)
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365"]
    command += [*subject, "-addext", "basicConstraints=critical,CA:false"]
    command += ["-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)


def handshake(client, version, ciphers="ALL:@SECLEVEL=0"):
    """Return the suite and the version that were agreed on; None if there is no agreement."""
    client.context = ssl.create_default_context(cafile=client.front.certificate)
    client.context.set_ciphers(ciphers)
    # Old ones are warned of where they are asked for.
    client.context.minimum_version = client.context.maximum_version = version
    try:
        with client.secure_socket() as secure:
            return secure.cipher()[0], secure.version()
    except (ssl.SSLError, ConnectionResetError):
        return None


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_old_versions_are_refused(client, version):
    assert handshake(client, ssl.TLSVersion[version]) is None


def test_newest_version(client):
    assert handshake(client, ssl.TLSVersion.TLSv1_3)[1] == "TLSv1.3"


def test_suites(client, kind):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    known = [suite["name"] for suite in context.get_ciphers() if suite["protocol"] != "TLSv1.3"]
    version = ssl.TLSVersion.TLSv1_2
    accepted = {name for name in known if handshake(client, version, f"{name}:@SECLEVEL=0")}
    assert accepted == SUITES[kind]
    assert len(known) > 50


def test_client_chooses(client, kind):
    for suite in SUITES[kind]:
        others = ":".join([suite, *(SUITES[kind] - {suite})])
        assert handshake(client, ssl.TLSVersion.TLSv1_2, others)[0] == suite


def test_no_session_tickets(client):
    """Their key would live for as long as nginx does."""
    handshake(client, ssl.TLSVersion.TLSv1_2)
    with client.secure_socket() as secure:
        assert not secure.session.has_ticket


def test_sslyze_agrees(client):
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
