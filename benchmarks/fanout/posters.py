"""Make events at a rate: through the chat's own log, over HTTP, or as a client posts."""

import http.client
import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess

import msgspec

from benchmarks.fanout.servers import Running
from ngw2f.api_resources import Message

# The most requests or transactions a second; at a higher rate, several events share one.
MAX_TURNS = 100
JSON_BODY = {"Content-Type": "application/json"}


def start_posting(running: Running, rate: int, events: int) -> BaseProcess:
    """Make *events* at *rate* a second; in a process of its own."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_post, args=[running, rate, events])
    process.start()
    return process


def start_talking(running: Running, token: str, rate: int, events: int) -> BaseProcess:
    """Post *events* messages as clients do, each stamped before its request begins."""
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_talk, args=[running.port, token, rate, events])
    process.start()
    return process


def _post(running: Running, rate: int, events: int) -> None:
    os.environ.update(running.environment)
    if running.is_log:
        _post_to_log(rate, events)
    else:
        _post_by_http(running, rate, events)


def _post_to_log(rate: int, events: int) -> None:
    from ngw2f.settings import load_settings
    from ngw2f.web.services import build_services

    services = build_services(load_settings())

    def send(messages: list[Message]) -> None:
        with services.core.database.writing() as connection:
            run = services.core.events.record(connection, "message.created", *messages)
        services.core.events.publish(run)

    _send_at(rate, events, send)
    services.close()


def _post_by_http(running: Running, rate: int, events: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)

    def send(messages: list[Message]) -> None:
        for body in [messages] if running.takes_lists else messages:
            connection.request("POST", running.post_path, msgspec.json.encode(body), JSON_BODY)
            connection.getresponse().read()

    _send_at(rate, events, send)
    connection.close()


def _talk(port: int, token: str, rate: int, events: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {**JSON_BODY, "Authorization": f"Bearer {token}"}

    def send(messages: list[Message]) -> None:
        for _ in messages:
            body = msgspec.json.encode({"source": f"at {time.time():.6f} and some *words*"})
            connection.request("POST", "/api/messages", body, headers)
            response = connection.getresponse()
            if response.status != 201:
                raise RuntimeError(f"a post was answered {response.status}")
            response.read()

    _send_at(rate, events, send)
    connection.close()


def _send_at(rate: int, events: int, send: Callable[[list[Message]], None]) -> None:
    start, sent = time.monotonic(), 0
    turns = min(rate, MAX_TURNS)
    while sent < events:
        now = time.monotonic()
        due = min(int((now - start) * rate) + 1, events) - sent
        if due > 0:
            send([_message(sent + number) for number in range(due)])
            sent += due
        time.sleep(max(0.0, 1 / turns - (time.monotonic() - now)))


def _message(number: int) -> Message:
    now = time.time()
    source, html = "hello *world*", "<p>hello <em>world</em></p>"
    return Message.of(1_000_000 + number, 1, 1, source, html, True, now, now)
