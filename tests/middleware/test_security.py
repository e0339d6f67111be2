from __future__ import annotations

from wsgiref.types import WSGIApplication

import pytest

from middleware.security import STRICT_CONTENT_POLICY, SecurityHeadersMiddleware, SecurityPolicy
from tests.middleware.contract import Contract
from tests.middleware.serving import HTML, Exchange, answering, serve


class TestContract(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return SecurityHeadersMiddleware(app)


def served(policy: SecurityPolicy | None = None, url: str = "http://localhost/") -> Exchange:
    return serve(SecurityHeadersMiddleware(answering(), policy), base_url=url)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("X-Content-Type-Options", "nosniff"),
    ],
)
def test_strict_policy_is_sent(name: str, value: str) -> None:
    assert served().header(name) == value


def test_strict_content_policy_allows_nothing_inline() -> None:
    policy = served().header("Content-Security-Policy") or ""
    assert "default-src 'none'; script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_permissions_are_refused() -> None:
    policy = served().header("Permissions-Policy") or ""
    assert policy.startswith("camera=(), ")
    assert "geolocation=()" in policy


def test_transport_security_is_sent_by_tls_only() -> None:
    by_tls = served(url="https://localhost/").header("Strict-Transport-Security")
    assert by_tls == "max-age=63072000; includeSubDomains"
    assert served().header("Strict-Transport-Security") is None


def test_transport_security_may_spare_subdomains() -> None:
    policy = SecurityPolicy(transport_seconds=60, transport_subdomains=False)
    by_tls = served(policy, "https://localhost/").header("Strict-Transport-Security")
    assert by_tls == "max-age=60"


def test_own_header_of_the_response_stays() -> None:
    app = answering(headers=[("Content-Type", HTML), ("referrer-policy", "origin")])
    done = serve(SecurityHeadersMiddleware(app))
    assert done.header("Referrer-Policy") == "origin"
    assert done.header("X-Content-Type-Options") == "nosniff"


def test_policy_is_changed_by_directive() -> None:
    content = {**STRICT_CONTENT_POLICY, "img-src": "'self' https:", "upgrade-insecure-requests": ""}
    done = served(SecurityPolicy(content=content))
    policy = done.header("Content-Security-Policy") or ""
    assert "; img-src 'self' https:; " in policy
    assert policy.endswith("; upgrade-insecure-requests")


def test_empty_value_sends_no_header() -> None:
    done = served(SecurityPolicy(opener="", forbidden_permissions=()))
    assert {"cross-origin-opener-policy", "permissions-policy"}.isdisjoint(done.header_names())


def test_broken_policy_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="not a header value"):
        SecurityHeadersMiddleware(answering(), SecurityPolicy(referrer="a\nb"))
