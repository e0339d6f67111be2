import threading

import gevent
import pytest
from argon2 import PasswordHasher

from ngw2f import passwords
from ngw2f.hashing import Asker
from ngw2f.passwords import Passwords

ANN = Asker("ann", "192.0.2.1")


class CountingHasher(PasswordHasher):
    """A real one that says how often it was asked."""

    def __init__(self):
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified = 0

    def verify(self, hash, password):  # noqa: A002 # argon2's name for it
        self.verified += 1
        return super().verify(hash, password)


def test_right_and_wrong_password():
    store = Passwords()
    stored = store.hash("sesame", ANN)
    assert store.is_correct(stored, "sesame", ANN)
    assert not store.is_correct(stored, "Sesame", ANN)


def test_hashes_are_salted():
    store = Passwords()
    assert store.hash("sesame", ANN) != store.hash("sesame", ANN)


def test_hash_that_is_none():
    assert not Passwords().is_correct("no hash", "sesame", ANN)


def test_real_parameters(monkeypatch):
    """The tests' cheap ones must not be what everybody gets."""
    from argon2.profiles import RFC_9106_LOW_MEMORY

    monkeypatch.setattr(passwords, "RFC_9106_LOW_MEMORY", RFC_9106_LOW_MEMORY)
    assert Passwords().hash("sesame", ANN).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


@pytest.mark.parametrize("is_known", [True, False])
def test_same_work_for_known_and_unknown(is_known):
    hasher = CountingHasher()
    store = Passwords(hasher)
    stored = store.hash("sesame", ANN) if is_known else None
    assert not store.is_correct(stored, "wrong", ANN)
    assert hasher.verified == 1


def test_nobodys_password_opens_nothing():
    assert not Passwords().is_correct(None, "nobody", ANN)


def test_event_loop_goes_on_meanwhile():
    """The hash waits for what another greenlet does, so that one must have its turn."""
    released = threading.Event()

    class WaitingHasher(CountingHasher):
        def hash(self, password, *, salt=None):
            if password == "wait":
                assert released.wait(60)
            return super().hash(password)

    store = Passwords(WaitingHasher())
    other = gevent.spawn_later(0.01, released.set)
    assert store.hash("wait", ANN)
    other.join()
