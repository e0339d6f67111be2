"""Scripts for Redis, of which those that wait at the same time are sent together.

A thousand polls may end at once. One by one each would need a connection of its own.
"""

import hashlib
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import gevent
from gevent.event import AsyncResult
from redis import Redis
from redis.exceptions import NoScriptError

MAX_AT_ONCE = 500

# Runs a function that uses Redis, and returns what it returns; None while Redis is unreachable.
Attempt = Callable[[Callable[[Redis], list[Any]]], list[Any] | None]

log = logging.getLogger(__name__)


class UnreachableError(Exception):
    """Redis cannot be asked right now."""


class Script(NamedTuple):
    """A script in Lua, and the name by which Redis knows it."""

    text: str
    digest: str

    @classmethod
    def of(cls, text: str) -> "Script":
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class Call(NamedTuple):
    script: Script
    keys: Sequence[str]
    arguments: Sequence[str | int]
    answer: Any


class Commands:
    """The scripts that one process runs."""

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._calls: list[Call] = []
        self._is_sending = False

    def run(self, script: Script, keys: Sequence[str], *arguments: str | int) -> Any:
        """Return what the script returns. Raises UnreachableError."""
        answer = AsyncResult()
        self._calls.append(Call(script, keys, arguments, answer))
        if not self._is_sending:
            self._is_sending = True
            gevent.spawn(self._send_all)
        return answer.get()

    def _send_all(self) -> None:
        try:
            while self._calls:
                calls, self._calls = self._calls[:MAX_AT_ONCE], self._calls[MAX_AT_ONCE:]
                self._answer(calls)
        finally:
            self._is_sending = False

    def _answer(self, calls: list[Call]) -> None:
        try:
            answers = self._attempt(partial(_send, calls))
        except Exception:
            # Whoever waits for an answer must get one.
            log.exception("a script in Redis failed")
            answers = None
        for call, answer in zip(calls, answers or [None] * len(calls), strict=True):
            if answer is None or isinstance(answer, Exception):
                call.answer.set_exception(UnreachableError(str(answer)))
            else:
                call.answer.set(answer)


def _send(calls: list[Call], redis: Redis) -> list[Any]:
    """Return an answer, or an exception, for each call. Raises RedisError."""
    answers = _execute(calls, redis)
    # After a restart Redis knows no script; another one may not have run before it was loaded.
    unknown = [i for i, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
    if unknown:
        for text in {calls[i].script.text for i in unknown}:
            redis.script_load(text)
        again = _execute([calls[i] for i in unknown], redis)
        for i, answer in zip(unknown, again, strict=True):
            answers[i] = answer
    return answers


def _execute(calls: list[Call], redis: Redis) -> list[Any]:
    with redis.pipeline(transaction=False) as pipeline:
        for call in calls:
            pipeline.evalsha(
                call.script.digest, len(call.keys), *call.keys, *map(str, call.arguments)
            )
        return list(pipeline.execute(raise_on_error=False))
