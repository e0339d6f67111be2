"""What tests start hashes passwords, and has a database, as elsewhere, but in no time."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ngw2f.store.current import newest_schema

HASHING = """
from argon2 import PasswordHasher, profiles
from werkzeug.security import check_password_hash, generate_password_hash

made = generate_password_hash("secret")
print(made.partition("$")[0], check_password_hash(made, "secret"), check_password_hash(made, "no"))
hasher = PasswordHasher.from_parameters(profiles.RFC_9106_LOW_MEMORY)
made = hasher.hash("secret")
print(made.rpartition("$")[0].rpartition("$")[0], hasher.verify(made, "secret"))
"""


def test_passwords_are_hashed_cheaply() -> None:
    printed = subprocess.run(
        [sys.executable, "-W", "error", "-c", HASHING], capture_output=True, text=True, timeout=60,
        check=True,
    ).stdout  # fmt: skip
    assert printed == "scrypt:128:8:1 True False\n$argon2id$v=19$m=8,t=1,p=1 True\n"


ASKING = """
from ngw2f.settings import load_settings
from ngw2f.store.current import is_current, newest_schema

print(is_current(load_settings()), newest_schema())
"""


@pytest.mark.parametrize("is_given", [True, False])
def test_chat_begins_with_a_migrated_database(
    is_given: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NGW2F_DATA_DIR", str(tmp_path))
    if not is_given:
        monkeypatch.delenv("MIGRATED_SQLITE")
    printed = subprocess.run(
        [sys.executable, "-W", "error", "-c", ASKING], capture_output=True, text=True, timeout=60,
        check=True,
    ).stdout  # fmt: skip
    assert printed == f"{is_given} {newest_schema()}\n"
    database = tmp_path / "chat.sqlite3"
    assert database.exists() == is_given
    assert not is_given or stat.S_IMODE(database.stat().st_mode) == 0o600


LOADING = """
import sys

import celery.bin.celery
import redis

print("prompt_toolkit" in sys.modules, redis.observability.providers.OTEL_AVAILABLE)
"""


def test_libraries_load_no_shell_and_no_measuring() -> None:
    pytest.importorskip("celery")
    printed = subprocess.run(
        [sys.executable, "-c", LOADING], capture_output=True, text=True, timeout=60, check=True
    ).stdout
    assert printed == "False False\n"
