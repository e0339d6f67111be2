from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from werkzeug.exceptions import BadRequest, ClientDisconnected, UnsupportedMediaType
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Response as WerkzeugResponse

from ngw2f import http
from ngw2f.api_resources import MAX_ID
from ngw2f.errors import Invalid
from ngw2f.http import FORM_TYPE, Request, Response, json_response


class Point(Struct):
    x: int


def request(path: str = "/", **options: Any) -> Request:
    return Request(EnvironBuilder(path, **options).get_environ())


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, "text"),
        ("*/*", "text"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "html"),
        ("application/json", "json"),
        ("application/problem+json", "json"),
        ("text/plain;q=0.5, text/html;q=0.4", "text"),
        ("text/html;q=0", "text"),
        ("image/png", "text"),
        ("TEXT/HTML", "html"),
        ("text/html; charset=utf-8", "html"),
        ("application/json;charset=utf-8;q=0.5, text/html;level=1;q=0.4", "json"),
        (";;;q=x", "text"),
        ("application/*", "json"),
        ("text/*", "text"),
        ("text/plain;q=0, */*", "html"),
        ("text/plain;q=0, text/html;q=0, */*", "json"),
        ("application/xhtml+xml", "html"),
        ("text/html;q=0, application/xhtml+xml;q=0.5, */*;q=0.1", "html"),
        ("text/html;q=7", "text"),
        ('text/html;x=","', "html"),
    ],
)
def test_preferred_form(accept: str | None, form: str) -> None:
    headers = {"Accept": accept} if accept else {}
    assert request(headers=headers).preferred("text") == form


@pytest.mark.parametrize("field", ["Basic \xe9", "Basic =\xff", "Basic /w=="])
def test_authorization_that_cannot_be_read_is_none(field: str) -> None:
    assert request(headers={"Authorization": field}).authorization is None


@pytest.mark.parametrize(
    ("accept", "form"),
    [("*/*", "json"), ("application/json;q=0, */*", "text"), ("text/*", "text"), ("x", "json")],
)
def test_preferred_form_for_programs(accept: str, form: str) -> None:
    assert request(headers={"Accept": accept}).preferred("json") == form


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/json, text/html;q=0.5", "html"),
        ("application/json, */*;q=0.5", "text"),
        ("application/problem+json", "text"),
        ("application/json, application/xhtml+xml;q=0.1", "html"),
    ],
)
def test_form_that_is_not_there_is_not_preferred(accept: str, form: str) -> None:
    assert request(headers={"Accept": accept}).preferred("text", ("text", "html")) == form


@pytest.mark.parametrize("text", ["0", "7", "007", str(MAX_ID)])
def test_integer_argument(text: str) -> None:
    assert request(f"/?n={text}").integer_argument("n", 0) == int(text)


@pytest.mark.parametrize(
    "text",
    ["", "-1", "1.0", "x", "1e3", "٣", "²", " 1", str(MAX_ID + 1), "0" * 20 + "9" * 20, "9" * 5000],
)
def test_wrong_integer_argument(text: str) -> None:
    with pytest.raises(Invalid, match="n must be a whole number from 0 to"):
        request("/", query_string={"n": text}).integer_argument("n", 0)


def test_missing_arguments() -> None:
    assert request().integer_argument("n", 0) is None
    assert request().time_argument("t") is None


@pytest.mark.parametrize("text", ["0", "1795254555.5", "-1"])
def test_time_argument(text: str) -> None:
    assert request(f"/?t={text}").time_argument("t") == float(text)


@pytest.mark.parametrize("text", ["", "now", "nan", "inf", "-inf", "1e999"])
def test_wrong_time_argument(text: str) -> None:
    with pytest.raises(Invalid, match="t must be a time in Unix seconds"):
        request(f"/?t={text}").time_argument("t")


@pytest.mark.parametrize(
    "mimetype", ["application/json", "text/plain", "application/merge-patch+json", ""]
)
def test_json_body(mimetype: str) -> None:
    body = request(data=b'{"x": 1}', content_type=mimetype)
    assert body.json_body(Point) == Point(1)


def test_integer_of_a_json_body_has_any_notation() -> None:
    body = request(data=b'{"x": 1.0}', content_type="application/json")
    assert body.json_body(Point) == Point(1)


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"x": "1"}', b"[]", b"{}", b'{"x": 1}}', b"\xff", b"[" * 100_000]
)
def test_wrong_json_body(body: bytes) -> None:
    with pytest.raises(BadRequest):
        request(data=body, content_type="application/json").json_body(Point)


def test_json_of_another_type() -> None:
    with pytest.raises(UnsupportedMediaType, match="not image/png"):
        request(data=b'{"x": 1}', content_type="image/png").json_body(Point)


class Reset(BytesIO):
    """The body of a request whose client resets the connection."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise ConnectionResetError


def test_body_that_a_reset_ends_is_the_clients_fault() -> None:
    environ = EnvironBuilder(method="POST", content_type="application/json").get_environ()
    environ |= {"CONTENT_LENGTH": "10", "wsgi.input": Reset()}
    request = Request(environ)
    request.max_content_length = 100
    with pytest.raises(ClientDisconnected):
        request.json_body(Point)


def test_body_that_ends_too_early() -> None:
    environ = EnvironBuilder(data=b"{}", method="POST").get_environ()
    environ["CONTENT_LENGTH"] = "3"
    with pytest.raises(BadRequest):
        Request(environ).body()


@pytest.mark.parametrize("body", [b"source=%ff", b"source=\xff", b"source=%ed%a0%80"])
def test_form_field_that_is_not_utf8(body: bytes) -> None:
    with pytest.raises(BadRequest, match="not valid UTF-8"):
        request(data=body, content_type=FORM_TYPE).form_field("source")


def test_percent_in_multipart_is_text() -> None:
    form = request(data={"source": "100%FF"}, content_type="multipart/form-data")
    assert form.form_field("source") == "100%FF"


def test_form_field() -> None:
    form = request(data="source=%C3%A4+\ufffd".encode(), content_type=FORM_TYPE)
    assert (form.form_field("source"), form.form_field("next", "/")) == ("ä \ufffd", "/")


@pytest.mark.parametrize(
    ("prefer", "preferences"),
    [
        ("respond-async", {"respond-async": ""}),
        ("Respond-Async, WAIT=10", {"respond-async": "", "wait": "10"}),
        ('wait="5"; x=y', {"wait": "5"}),
        ("respond-async; x=y, wait = 5 ; z", {"respond-async": "", "wait": "5"}),
        ("respond-async;wait=5", {"respond-async": ""}),
        ("wait=1, Wait=9", {"wait": "1"}),
        ("", {}),
    ],
)
def test_preferences(prefer: str, preferences: dict[str, str]) -> None:
    assert request(headers={"Prefer": prefer}).preferences == preferences


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0")))
def test_any_header_is_read(value: str) -> None:
    headers = {"HTTP_PREFER": value, "HTTP_ACCEPT": value, "HTTP_COOKIE": value}
    asked = Request(EnvironBuilder(environ_base=headers).get_environ())
    assert asked.preferred("text") in {"text", "html", "json"}
    assert isinstance(asked.preferences, dict)
    assert asked.cookies is not None


@given(st.text(), st.sampled_from([0, 1]))
def test_any_number_is_read_or_refused(text: str, low: int) -> None:
    try:
        number = request("/", query_string={"n": text}).integer_argument("n", low)
    except Invalid:
        return
    assert number is not None
    assert low <= number <= MAX_ID


def test_same_bytes_same_tag() -> None:
    first = http.tagged(request(), http.json_response({"x": 1}))
    second = http.tagged(request(), http.json_response({"x": 1}))
    other = http.tagged(request(), http.json_response({"x": 2}))
    assert first.headers["ETag"] == second.headers["ETag"] != other.headers["ETag"]


@pytest.mark.parametrize("match", ['W/{}, "x"', "{}", '"x",{}', "*"])
def test_known_tag_is_not_sent_again(match: str) -> None:
    tag = http.tagged(request(), http.json_response({"x": 1})).headers["ETag"]
    known = request(headers={"If-None-Match": match.format(tag)})
    again = http.tagged(known, http.json_response({"x": 1}))
    assert (again.status_code, again.headers["ETag"]) == (304, tag)


def test_tag_is_the_only_condition() -> None:
    """A date is no condition where we send none (RFC 9110 section 13.1.3)."""
    headers = {"If-Modified-Since": "Sat, 21 Nov 2099 09:00:00 GMT"}
    assert http.tagged(request(headers=headers), http.json_response({})).status_code == 200


def test_server_alone_dates_responses() -> None:
    """It does so anyway; two Date fields would be one too many (RFC 9110 section 6.6.1)."""
    response = http.tagged(request(headers={"If-None-Match": '"x"'}), http.json_response({}))
    assert "Date" not in response.headers


def test_location_stays_as_given() -> None:
    response = http.see_other("/rooms/lobby#end")
    assert dict(response.get_wsgi_headers(request().environ))["Location"] == "/rooms/lobby#end"


def test_no_content_has_no_type() -> None:
    response = http.no_content()
    assert response.status_code == 204
    assert not {"Content-Type", "Content-Length"} & set(
        dict(response.get_wsgi_headers(request().environ))
    )


def test_unknown_status_is_bad_request() -> None:
    assert http.problem(499, "x").code == 400


def test_link_leaves_out_what_is_not_there() -> None:
    link = http.link_header("/m", {"before": 5, "since": None, "limit": 1}, "next")
    assert link == '</m?before=5&limit=1>; rel="next"'


def test_link_says_a_great_number_as_it_is_read() -> None:
    path = http.link_header("/m", {"t": -1e20}, "next")[1:].partition(">")[0]
    assert request(path).time_argument("t") == -1e20


class Reference(WerkzeugResponse):
    autocorrect_location_header = False


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("content", "status", "fields"),
    [
        ("text", 200, {}),
        (b"{}", 201, {"Location": "/api/messages/7"}),
        (b"{}", 200, {"Content-Location": "/rooms/\xe4"}),
        ("See", 303, {"Location": "/rooms/\u2615 table?a=\xe4"}),
        ("gone", 204, {}),
        ("same", 304, {"ETag": '"x"', "Content-Language": "en"}),
        (["two", b"pieces"], 200, {}),
        (None, 200, {}),
        (b"", 200, {}),
    ],
)
def test_response_is_what_werkzeug_sends(
    method: str, content: Any, status: int, fields: dict[str, str]
) -> None:
    environ = EnvironBuilder("/a", method=method).get_environ()
    sent, expected = (
        run_wsgi_app(kind(content, status, fields), environ, buffered=True)
        for kind in (Response, Reference)
    )
    assert (b"".join(sent[0]), *sent[1:]) == (b"".join(expected[0]), *expected[1:])


def test_response_is_closed_like_any_other() -> None:
    response, closed = json_response({}), []
    response.call_on_close(lambda: closed.append(True))
    run_wsgi_app(response, EnvironBuilder("/").get_environ(), buffered=True)
    assert closed == [True]


def test_whole_content_needs_no_wrapper() -> None:
    response = json_response({"a": 1}, 201)
    response.headers["Location"] = "/api/messages/7"
    assert response(EnvironBuilder("/").get_environ(), lambda *_: print) == [b'{"a":1}']
