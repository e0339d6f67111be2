"""What makes the events, at a rate: by the chat's own log, or by HTTP."""

import http.client
import os
import time
from collections.abc import Callable
from typing import Any

import msgspec

from benchmarks.fanout.servers import Running
from ngw2f.resources import Message

# At most so many requests or transactions a second; more events share one.
MAX_TURNS = 100


def post(running: Running, rate: int, seconds: float) -> None:
    """Make *rate* events a second; in a process of its own."""
    os.environ.update(running.environment)
    if running.is_log:
        _post_to_log(rate, seconds)
    else:
        _post_by_http(running, rate, seconds)


def _post_to_log(rate: int, seconds: float) -> None:
    from ngw2f.settings import load_settings
    from ngw2f.web.services import build_services

    services = build_services(load_settings())

    def send(messages: list[Message]) -> None:
        with services.database.writing() as connection:
            run = services.events.record(connection, "message.created", *messages)
        services.events.publish(run)

    _send_at(rate, seconds, send)
    services.close()


def _post_by_http(running: Running, rate: int, seconds: float) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)

    def send(messages: list[Message]) -> None:
        bodies: list[Any] = [messages] if running.takes_lists else messages
        for body in bodies:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", running.post_path, msgspec.json.encode(body), headers)
            connection.getresponse().read()

    _send_at(rate, seconds, send)
    connection.close()


def _send_at(rate: int, seconds: float, send: Callable[[list[Message]], None]) -> None:
    start, sent = time.monotonic(), 0
    turns = min(rate, MAX_TURNS)
    while (now := time.monotonic()) < start + seconds:
        due = int((now - start) * rate) + 1 - sent
        if due > 0:
            send([_message(sent + number) for number in range(due)])
            sent += due
        time.sleep(max(0.0, 1 / turns - (time.monotonic() - now)))


def _message(number: int) -> Message:
    now = time.time()
    source, html = "hello *world*", "<p>hello <em>world</em></p>"
    return Message.of(1_000_000 + number, 1, 1, source, html, True, now, now)
