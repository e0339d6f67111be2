from __future__ import annotations

import pytest
from werkzeug.test import create_environ

from middleware.xray.access import FIELD, Access


def test_everyone_may_look_in_development() -> None:
    assert Access(everyone=True)(create_environ())


def test_signed_field_is_valid_until_it_expires() -> None:
    now = [1_000_000.0]
    access = Access(key=b"key", now=lambda: now[0])
    environ = {FIELD: access.sign(60)}
    assert access(environ)
    now[0] += 59
    assert access(environ)
    now[0] += 1
    assert not access(environ)


@pytest.mark.parametrize(
    "field", ["", "1", "1000060", "1000060.", "1000060.☃", "²000060.aa", f"{'9' * 16}.aa"]
)
def test_other_field_is_not_valid(field: str) -> None:
    assert not Access(key=b"key", now=lambda: 1_000_000.0)({FIELD: field})


def test_field_of_another_key_is_not_valid() -> None:
    assert not Access(key=b"key")({FIELD: Access(key=b"other").sign()})


def test_field_too_far_ahead_is_not_valid() -> None:
    ahead = Access(key=b"key", now=lambda: 1_010_000.0).sign(60)
    assert not Access(key=b"key", now=lambda: 1_000_000.0)({FIELD: ahead})


def test_request_without_the_field_may_not_look() -> None:
    assert not Access(key=b"key")(create_environ())


def test_nothing_is_valid_without_a_key() -> None:
    access = Access(now=lambda: 1_000_000.0)
    assert not access({FIELD: f"1000060.{access.signature_of('1000060')}"})
    with pytest.raises(ValueError, match="needs a key"):
        access.sign()


@pytest.mark.parametrize("seconds", [0, -1, 3601])
def test_fields_are_short_lived(seconds: int) -> None:
    with pytest.raises(ValueError, match="1 to 3600"):
        Access(key=b"key").sign(seconds)
