import shutil
import socket
import ssl
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from ngw2f.links.guard.errors import LinkFailed
from ngw2f.links.guard.fetch import Fetcher, public_tls
from ngw2f.links.guard.media import PAGES
from tests.needs import lacking
from tests.ngw2f.links.lab import HTML, Internet, answer, read_request


class Authority:
    """A certificate authority of one test run, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.certificate = folder / "authority.pem"
        usage = ["-addext", "keyUsage=critical,keyCertSign"]
        self._make("authority", "/CN=authority", *usage)

    def issue(self, *names: str) -> ssl.SSLContext:
        """Make a server's context with a certificate for the names."""
        alternatives = ",".join(names)
        self._make(
            "site",
            "/CN=ignored.example",
            *("-CA", str(self.certificate), "-CAkey", str(self._folder / "authority.key")),
            *("-addext", f"subjectAltName={alternatives}"),
            *("-addext", "basicConstraints=critical,CA:FALSE"),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / "site.pem", self._folder / "site.key")
        return context

    def _make(self, name: str, subject: str, *options: str) -> None:
        key, certificate = self._folder / f"{name}.key", self._folder / f"{name}.pem"
        subprocess.run(
            [
                *(
                    "openssl",
                    "req",
                    "-x509",
                    "-newkey",
                    "ec",
                    "-pkeyopt",
                    "ec_paramgen_curve:P-256",
                ),
                *("-nodes", "-days", "2", "-subj", subject, "-keyout", str(key)),
                *("-out", str(certificate), *options),
            ],
            check=True,
            capture_output=True,
        )

    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.certificate)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        lacking("openssl", "apt-get install openssl")
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusting(authority: Authority, make_fetcher: Callable[..., Fetcher]) -> Fetcher:
    return make_fetcher(tls=authority.trusted())


def serve(context: ssl.SSLContext) -> Callable[[socket.socket], None]:
    def handle(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            read_request(wrapped)
            wrapped.sendall(answer())
            wrapped.unwrap()

    return handle


def failure_of(fetcher: Fetcher, url: str = "https://example.com/") -> LinkFailed:
    with pytest.raises(LinkFailed) as caught:
        fetcher.fetch(url, PAGES)
    return caught.value


def test_name_is_in_sni_and_certificate(
    internet: Internet, authority: Authority, trusting: Fetcher
) -> None:
    seen: list[str | None] = []
    context = authority.issue("DNS:example.com")
    context.sni_callback = lambda sock, name, same: seen.append(name)
    internet.site("example.com", serve(context), port=443)
    assert trusting.fetch("https://example.com/", PAGES).body == HTML
    assert seen == ["example.com"]
    assert internet.dials == [("93.184.216.34", 443)]


def test_name_beyond_ascii_is_checked_in_ascii(
    internet: Internet, authority: Authority, trusting: Fetcher
) -> None:
    context = authority.issue("DNS:xn--mnchen-3ya.de")
    internet.site("xn--mnchen-3ya.de", serve(context), port=443)
    assert trusting.fetch("https://münchen.de/", PAGES).body == HTML


def test_address_is_checked_as_address(
    internet: Internet, authority: Authority, trusting: Fetcher
) -> None:
    context = authority.issue("IP:93.184.216.34")
    internet.site("example.com", serve(context), port=443)
    assert trusting.fetch("https://93.184.216.34/", PAGES).body == HTML


@pytest.mark.parametrize(
    "names",
    ["DNS:example.org", "DNS:*.example.com", "IP:93.184.216.34", "DNS:example.com.evil.net"],
)
def test_certificate_of_another_name_fails(
    internet: Internet, authority: Authority, trusting: Fetcher, names: str
) -> None:
    internet.site("example.com", serve(authority.issue(names)), port=443)
    failure = failure_of(trusting)
    assert failure.kind == "tls"
    assert "example.com" in failure.reason


def test_certificate_of_unknown_authority_fails(
    internet: Internet, authority: Authority, make_fetcher: Callable[..., Fetcher]
) -> None:
    internet.site("example.com", serve(authority.issue("DNS:example.com")), port=443)
    assert failure_of(make_fetcher(tls=public_tls())).kind == "tls"


def test_old_tls_fails(internet: Internet, authority: Authority, trusting: Fetcher) -> None:
    context = authority.issue("DNS:example.com")
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    internet.site("example.com", serve(context), port=443)
    assert failure_of(trusting).kind in ("tls", "connect")


@pytest.mark.parametrize("sent", [answer(), b"", b"\x15\x03\x01\x00\x02\x02\x28", bytes(9999)])
def test_no_tls_on_the_other_end_fails(internet: Internet, trusting: Fetcher, sent: bytes) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(10_000)
        connection.sendall(sent)

    internet.site("example.com", handle, port=443)
    assert failure_of(trusting).kind in ("tls", "connect")


def test_public_context_checks_names_and_trusts_only_certifi() -> None:
    context = public_tls()
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.cert_store_stats()["x509_ca"] > 50
