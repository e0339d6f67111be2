"""/metrics of the real server: two web workers, RQ workers, and what is left of the dead."""

import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client.parser import text_string_to_metric_families

from tests.server.server import Server
from tests.waiting import T, wait_until

STREAMS = 6
# Workers start in a second, and in ten where others use the machine too.
START_SECONDS = 300


def wait(ask: Callable[[], T]) -> T:
    return wait_until(ask, START_SECONDS)


def metrics(server: Server) -> dict[tuple[str, ...], float]:
    """Return what Prometheus would understand, by name and labels."""
    answer = server.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def requests(found: dict[tuple[str, ...], float], route: str) -> float:
    return sum(
        value for key, value in found.items() if key[0] == "ngw2f_requests_total" and route in key
    )


def processes(server: Server, kind: str) -> float | None:
    return metrics(server).get(("ngw2f_processes", kind))


@contextmanager
def streams(server: Server) -> Iterator[list[socket.socket]]:
    """Hold streams open, and have read their heads."""
    host, port = server.address.removeprefix("http://").split(":")
    sockets = [socket.create_connection((host, int(port)), timeout=60) for _ in range(STREAMS)]
    try:
        for each in sockets:
            each.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
            assert each.recv(100).startswith(b"HTTP/1.1 200 ")
        yield sockets
    finally:
        for each in sockets:
            each.close()


def post_and_read(server: Server, sockets: list[socket.socket]) -> None:
    """Post five messages, wait until they are rendered and everybody has been told."""
    ann = server.join("ann")
    for number in range(5):
        posted = server.post("/api/messages", json={"source": f"*{number}*"}, headers=ann)
        assert posted.status_code == 201
    for _ in range(10):
        server.get("/api/messages/1")
    for each in sockets:
        received = b""
        while received.count(b"event: message.updated") < 5:
            more = each.recv(65536)
            assert more, "the stream has ended"
            received += more


def test_numbers_add_up_and_the_dead_leave_counts_alone(start: Callable[..., Server]) -> None:
    """Requests go to both web workers; theirs and those of the RQ workers are in one answer."""
    server = start("--workers=2")
    with streams(server) as sockets:
        wait(lambda: metrics(server).get(("ngw2f_streams", "sse")) == STREAMS)
        post_and_read(server, sockets)
        wait(lambda: metrics(server).get(("ngw2f_render_seconds_count",)) == 5)
        wait(lambda: metrics(server)["ngw2f_deliveries_total",] >= 10 * STREAMS)
        # Each process writes when it is due, and its counters apart from its histograms.
        expected = {
            ("ngw2f_requests_total", "POST", "/api/messages", "201"): 5,
            ("ngw2f_request_seconds_count", "/api/messages/<id:message_id>"): 10,
            ("ngw2f_queue_workers", "render"): 1,
        }
        wait(lambda: expected.items() <= metrics(server).items())

        def asked_for_ten() -> dict[tuple[str, ...], float]:
            now = metrics(server)
            return now if requests(now, "/api/messages/<id:message_id>") == 10 else {}

        found = wait(asked_for_ten)
        assert 0 < found["ngw2f_request_seconds_sum", "/api/messages/<id:message_id>"] < 100
        assert found["ngw2f_cache_answers_total", "hit"] >= 1
        wait(lambda: (processes(server, "web"), processes(server, "rq")) == (2, 1))
        wait(lambda: ("ngw2f_jobs_total", "render_messages", "done") in metrics(server))
        # No path, only patterns: whatever is asked for, these are few.
        for number in range(20):
            server.get(f"/made-up/{number}")
        wait(lambda: requests(metrics(server), "other") == 20)

        workers = server.web_workers()
        for pid in [*workers, server.rq_worker]:
            os.kill(pid, signal.SIGKILL)
        wait(lambda: len(server.web_workers()) == 2 and not server.web_workers() & workers)
        wait(lambda: processes(server, "web") == 2)
        wait(lambda: processes(server, "rq") == 1)
    found = metrics(server)
    assert ("ngw2f_streams", "sse") not in found
    assert requests(found, "other") == 20
    assert requests(found, "/api/messages/<id:message_id>") == 10
    assert found["ngw2f_render_seconds_count",] == 5
    assert found["ngw2f_deliveries_total",] >= 10 * STREAMS


def test_master_of_a_hot_upgrade_forgets_nothing(start_web: Callable[..., Server]) -> None:
    server = start_web()
    for _ in range(30):
        server.get("/healthz")
    wait(lambda: requests(metrics(server), "/healthz") == 30)
    server.master.send_signal(signal.SIGUSR2)
    wait(lambda: processes(server, "web") == 2)
    assert requests(metrics(server), "/healthz") == 30
    (new,) = [pid for pid in server.web_workers() if server.web_workers(pid)]
    os.kill(new, signal.SIGTERM)
    wait(lambda: processes(server, "web") == 1)
    assert requests(metrics(server), "/healthz") == 30
