import threading
from typing import Literal

import gevent
import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError

from ngw2f import passwords
from ngw2f.hash_queue import Asker
from ngw2f.passwords import Passwords
from ngw2f.text.password import InvalidPasswordError

ANN = Asker("ann", "192.0.2.1")


class CountingHasher(PasswordHasher):
    """A real one that says how often it was asked."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 # argon2's name for it
        self.verified += 1
        return super().verify(hash, password)


def test_right_and_wrong_password() -> None:
    store = Passwords()
    stored = store.hash("sesame", ANN)
    assert store.check(stored, "sesame", ANN).is_correct
    assert not store.check(stored, "Sesame", ANN).is_correct


def test_hashes_are_salted() -> None:
    store = Passwords()
    assert store.hash("sesame", ANN) != store.hash("sesame", ANN)


def test_hash_that_is_none() -> None:
    assert not Passwords().check("no hash", "sesame", ANN).is_correct


def test_real_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' cheap ones must not be what everybody gets."""
    from argon2.profiles import RFC_9106_LOW_MEMORY

    monkeypatch.setattr(passwords, "RFC_9106_LOW_MEMORY", RFC_9106_LOW_MEMORY)
    assert Passwords().hash("sesame", ANN).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@pytest.mark.parametrize(
    "typed", ["wrong", "\u00e9", "e\u0301", "", "\ud800", "x" * 5000], ids=ascii
)
def test_same_work_for_known_and_unknown(typed: str) -> None:
    hasher = CountingHasher()
    store = Passwords(hasher)
    counts = []
    for stored in (store.hash("sesame", ANN), None):
        hasher.verified = 0
        assert not store.check(stored, typed, ANN).is_correct
        counts.append(hasher.verified)
    assert counts[0] == counts[1] >= 1


@pytest.mark.parametrize("typed", ["s\u00e9same", "se\u0301same"], ids=ascii)
def test_one_password_typed_on_two_keyboards(typed: str) -> None:
    hasher = CountingHasher()
    store = Passwords(hasher)
    for set_as in ("s\u00e9same", "se\u0301same"):
        checked = store.check(store.hash(set_as, ANN), typed, ANN)
        assert checked == (True, None)
    assert hasher.verified == 2


@pytest.mark.parametrize("typed", ["s\u00e9same", "se\u0301same"], ids=ascii)
@pytest.mark.parametrize("hashed", ["s\u00e9same", "se\u0301same"], ids=ascii)
def test_hash_of_an_older_release(hashed: str, typed: str) -> None:
    """It hashed what was typed; what replaces its hash is right at once."""
    hasher = CountingHasher()
    store = Passwords(hasher)
    is_correct, new_hash = store.check(hasher.hash(hashed), typed, ANN)
    assert is_correct
    assert (new_hash is None) == (hashed == "s\u00e9same")
    hasher.verified = 0
    assert store.check(new_hash or store.hash(hashed, ANN), typed, ANN) == (True, None)
    assert hasher.verified == 1


def test_old_password_that_would_be_refused_now() -> None:
    hasher = CountingHasher()
    old = hasher.hash("\u2764\ufe0f")
    assert Passwords(hasher).check(old, "\u2764\ufe0f", ANN) == (True, None)
    with pytest.raises(InvalidPasswordError):
        Passwords(hasher).hash("\u2764\ufe0f", ANN)


def test_nobodys_password_opens_nothing() -> None:
    assert not Passwords().check(None, "nobody", ANN).is_correct


def test_nobodys_hash_is_as_dear_as_others() -> None:
    hasher = CountingHasher()
    nobodys = Passwords(hasher)._nobody
    assert extract_parameters(nobodys) == extract_parameters(hasher.hash("sesame"))
    with pytest.raises(VerifyMismatchError):
        hasher.verify(nobodys, "nobody")


def test_event_loop_goes_on_meanwhile() -> None:
    """The hash waits for what another greenlet does, so that one must have its turn."""
    released = threading.Event()

    class WaitingHasher(CountingHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            if password == "wait":
                assert released.wait(60)
            return super().hash(password)

    store = Passwords(WaitingHasher())
    other = gevent.spawn_later(0.01, released.set)
    assert store.hash("wait", ANN)
    other.join()
