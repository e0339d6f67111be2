from __future__ import annotations

from typing import Any

import pytest

from middleware.xray.values import (
    HIDDEN,
    MAX_PLAIN_FIELDS,
    MAX_VALUE_CHARACTERS,
    PlainEntries,
    PlainFields,
    kept_cookie,
    kept_fields,
    kept_text,
    kept_value,
)


@pytest.mark.parametrize(
    "name",
    [
        "HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_X_API_KEY", "HTTP_X_CSRF_TOKEN", "X-Auth-Token",
        "Authorization", "ngw2f.password", "beaker.session", "HTTP_SEC_WEBSOCKET_PROTOCOL",
        "HTTP_X_AUTH", "HTTP_X_AUTH_KEY", "HTTP_X_ACCESS_KEY", "NGW2F_XRAY_KEY", "SIGNING_KEY",
    ],
)  # fmt: skip
def test_secret_is_recorded_as_present(name: str) -> None:
    assert kept_value(name, "sesame") == HIDDEN
    assert kept_value(name, object()) == HIDDEN


def test_first_parameter_of_a_query_is_one_too() -> None:
    assert kept_value("QUERY_STRING", "code=a1&page=2") == f"code={HIDDEN}&page=2"
    assert kept_value("QUERY_STRING", "") == ""


def test_empty_secret_is_empty() -> None:
    assert kept_value("HTTP_COOKIE", "") == ""


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("a=1&token=sesame&b=2", f"a=1&token={HIDDEN}&b=2"),
        ("EIO=4&sid=a1", f"EIO=4&sid={HIDDEN}"),
        ("ticket=a1", f"ticket={HIDDEN}"),
        ("side=a1", "side=a1"),
        ("auth=a1&author=b", f"auth={HIDDEN}&author=b"),
        ("pwd=a1&pass=b&passage=c", f"pwd={HIDDEN}&pass={HIDDEN}&passage=c"),
        ("%74icket=a1", f"%74icket={HIDDEN}"),
        ("next=%2Fws%3Fticket%3Da1", f"next=%2Fws%3Fticket%3D{HIDDEN}"),
        ("next=%2Fws%3Froom%3D1", "next=%2Fws%3Froom%3D1"),
        # By chance a token has no digit.
        ("/tasks/wRQxTdbHaXvcPpZkmKcdAQ", f"/tasks/{HIDDEN}"),
        ("/classes/CrossOriginGuardMiddleware", "/classes/CrossOriginGuardMiddleware"),
        ("/rooms/general", "/rooms/general"),
        ("/rooms/a-name-of-several-words", "/rooms/a-name-of-several-words"),
        ("/tasks/w3QxT0b8aXv1PpZ9mKcd", f"/tasks/{HIDDEN}"),
        ("/join/k3jf9s8d7f6g5h4j3k2l1m0n9b8v", f"/join/{HIDDEN}"),
        ("/2f1e7c3a-1b2c-4d3e-8f90-123456789abc", "/2f1e7c3a-1b2c-4d3e-8f90-123456789abc"),
        ("https://ann:sesame@example.org/", f"https://{HIDDEN}@example.org/"),
        ("/cb?code=a1&state=b2#nonce=c", f"/cb?code={HIDDEN}&state={HIDDEN}#nonce={HIDDEN}"),
        ("/cb?SAMLResponse=a&user_code=b", f"/cb?SAMLResponse={HIDDEN}&user_code={HIDDEN}"),
        ("/cb?country_code=de&decode=1", "/cb?country_code=de&decode=1"),
        ("/a?next=%2Fcb%3Fcode%3Da1", f"/a?next=%2Fcb%3Fcode%3D{HIDDEN}"),
        ("/password-reset/a1/done", f"/password-reset/{HIDDEN}/done"),
        ("/email/verify/4839?a=1", f"/email/verify/{HIDDEN}?a=1"),
        ("/reset", "/reset"),
        ("/reset/a1", f"/reset/{HIDDEN}"),
    ],
)
def test_secrets_in_addresses_are_hidden(address: str, kept: str) -> None:
    assert kept_value("QUERY_STRING", address) == kept
    assert kept_value("Location", address) == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("https://ann:sesame@example.org/", f"https://{HIDDEN}@example.org/"),
        ("/ws?ticket=a1", f"/ws?ticket={HIDDEN}"),
        ("a=1; b=2", "a=1; b=2"),
    ],
)
def test_secrets_in_an_address_of_any_name_are_hidden(value: str, kept: str) -> None:
    assert kept_value("X-Accel-Redirect", value) == kept
    assert PlainEntries().kept({"HTTP_X_NEXT": value}) == {"HTTP_X_NEXT": kept}


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("session=sesame", f"session={HIDDEN}"),
        ("a=1; Path=/; HttpOnly", f"a={HIDDEN}; Path=/; HttpOnly"),
        ("a=1; Path=/, b=sesame", f"a={HIDDEN}; Path=/, …"),
        ("a=1, b=sesame", f"a={HIDDEN}, …"),
        ("a=1; b=sesame", f"a={HIDDEN}"),
        (
            "a=1; Expires=Sat, 21 Nov 2026 10:00:00 GMT",
            f"a={HIDDEN}; Expires=Sat, 21 Nov 2026 10:00:00 GMT",
        ),
    ],
)
def test_only_name_and_attributes_are_kept_of_a_cookie(line: str, kept: str) -> None:
    assert kept_cookie(line) == kept
    assert kept_value("Set-Cookie", line) == kept


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, "None"),
        (True, "True"),
        (5, "5"),
        ((1, 0), "(1, 0)"),
        (("a",), "<tuple>"),
        ({"key": "sesame"}, "<dict>"),
        (b"sesame", "<bytes>"),
    ],
)
def test_objects_are_recorded_by_type(value: object, kept: str) -> None:
    assert kept_value("test.value", value) == kept


def test_long_value_is_cut() -> None:
    kept = kept_value("HTTP_X_LONG", "x" * 1000)
    assert len(kept) < MAX_VALUE_CHARACTERS + 30
    assert kept.endswith("… (1000 characters)")


def test_token_of_three_parts_is_hidden_anywhere() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
    assert kept_value("HTTP_X_FORWARDED_USER", f"jwt {token}") == f"jwt {HIDDEN}"


def test_fields_are_kept_as_far_as_they_are_fields() -> None:
    headers = [("A", "1"), ("B", 2), ["C", "3"], ("D",), (b"E", "5")]
    assert kept_fields(headers) == (("A", "1"), ("B", "2"))
    assert kept_fields({"A": "1"}) == ()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("no such room", "no such room"),
        ("bad password=sesame here", f"bad password={HIDDEN}"),
        ("password: open sesame, and more", f"password: {HIDDEN}"),
        ("password=open sesame, user=ann", f"password={HIDDEN}, user=ann"),
        ("secret = open sesame", f"secret = {HIDDEN}"),
        ("SELECT a WHERE token = ? AND b = ?", "SELECT a WHERE token = ? AND b = ?"),
        ('{"pin": 1234, "a": 1}', f'{{"pin": {HIDDEN}, "a": 1}}'),
        ("bad password 'open sesame'", f"bad password {HIDDEN}"),
        ('the token given was "sesame"', f"the token given was {HIDDEN}"),
        ("password for ann hunter2", f"password for ann {HIDDEN}"),
        ("token expired", "token expired"),
        ("the password is open sesame", f"the password is {HIDDEN}"),
        ("the password is too short", "the password is too short"),
        ("code: 404, state=open", "code: 404, state=open"),
        ("GET /cb?code=a1 failed", f"GET /cb?code={HIDDEN} failed"),
        ("token: sesame", f"token: {HIDDEN}"),
        ("bad request: token=sesame", f"bad request: token={HIDDEN}"),
        ("{'name': 'ann', 'password': 'open sesame'}", f"{{'name': 'ann', 'password': {HIDDEN}}}"),
        ('{"password":"a\\"sesame","a":1}', f'{{"password":{HIDDEN},"a":1}}'),
        ("User(name='ann', password='sesame')", f"User(name='ann', password={HIDDEN})"),
        ("{'cookie': b'sesame'}", f"{{'cookie': {HIDDEN}}}"),
        ("'note': 'token=sesame'", f"'note': 'token={HIDDEN}'"),
        ("password='sesame", f"password={HIDDEN}"),
        ('password="a=sesame" b=c', f"password={HIDDEN} b=c"),
        ("token=", "token="),
        ("a=" * 2000, f"{'a=' * 150}… (1200 characters)"),
        ("Bearer sesame refused", f"Bearer {HIDDEN} refused"),
    ],
)
def test_secrets_in_sentences_are_hidden(text: str, kept: str) -> None:
    assert kept_text(ValueError(text)) == kept


def test_error_without_a_text_is_recorded() -> None:
    class SilentError(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert kept_text(SilentError()) == "<no text: ValueError>"


def test_plain_fields_are_known_again() -> None:
    plain, headers = PlainFields(), [("A", "1"), ("B", "2")]
    assert not plain.has(headers)
    plain.learn(headers, kept_fields(headers))
    assert plain.has(headers[1:])
    assert not plain.has(tuple(headers))
    assert not plain.has([["A", "1"]])
    assert not plain.has(headers * 60)


def test_what_is_hidden_or_cannot_be_sent_is_not_plain() -> None:
    plain = PlainFields()
    for line in [("Set-Cookie", "a=1"), ("X-Token", "a1"), ("A", "1\n"), ("B", "x" * 1000)]:
        plain.learn([line], kept_fields([line]))
        assert not plain.has([line])


def test_number_of_plain_fields_is_bounded() -> None:
    plain = PlainFields()
    lines = [("A", str(number)) for number in range(MAX_PLAIN_FIELDS + 2)]
    for line in lines:
        plain.learn([line], kept_fields([line]))
    assert not plain.has(lines[:1])
    assert plain.has(lines[-1:])


def test_entries_of_environ_are_known_again() -> None:
    entries = PlainEntries()
    environ: dict[Any, object] = {
        "REQUEST_METHOD": "GET",
        "HTTP_COOKIE": "a=1",
        "QUERY_STRING": "token=12345678",
        "wsgi.version": (1, 0),
        "wsgi.run_once": False,
        "wsgi.nothing": None,
        "wsgi.input": object(),
        "my.session": object(),
        "my.token": True,
        "my.number": 5,
        b"NAME": "text",
    }
    kept = {
        "REQUEST_METHOD": "GET",
        "HTTP_COOKIE": HIDDEN,
        "QUERY_STRING": f"token={HIDDEN}",
        "wsgi.version": "(1, 0)",
        "wsgi.run_once": "False",
        "wsgi.nothing": "None",
        "wsgi.input": "<object>",
        "my.session": HIDDEN,
        "my.token": HIDDEN,
        "my.number": "5",
        "b'NAME'": "text",
    }
    assert entries.kept(environ) == entries.kept(environ) == kept
    assert {name: text for name, _, text in entries._known.values()} == {
        "REQUEST_METHOD": "GET",
        "wsgi.version": "(1, 0)",
        "wsgi.run_once": "False",
        "wsgi.nothing": "None",
        "my.number": "5",
    }


def test_number_of_known_entries_is_bounded() -> None:
    entries = PlainEntries()
    for number in range(3 * MAX_PLAIN_FIELDS):
        entries.kept({f"HTTP_X_{number}": "1"})
    assert len(entries._known) <= MAX_PLAIN_FIELDS + 1
