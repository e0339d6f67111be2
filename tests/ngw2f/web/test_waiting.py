import time
from collections.abc import Callable, Iterator
from threading import Event, Thread

import pytest
from webtest import TestResponse

from ngw2f.jobs.context import build_context
from ngw2f.server.service import Service
from ngw2f.settings import Settings
from tests.client import Client
from tests.waiting import wait_until


@pytest.fixture
def ann(client: Client) -> dict[str, str]:
    return client.join("ann")


@pytest.fixture
def render_soon(settings: Settings) -> Iterator[Callable[[], None]]:
    """Return a function that has all rendered from then on, beside the request that waits."""
    threads = []
    is_over = Event()

    def render_all() -> None:
        job_context = build_context(settings)
        try:
            # Markdown's limit on time needs the main thread.
            while not is_over.wait(0.02):
                job_context.outbox.render_batch(lambda source: f"<p>rendered {source}</p>")
        finally:
            job_context.close()

    def start() -> None:
        threads.append(Thread(target=render_all))
        threads[-1].start()

    yield start
    is_over.set()
    for thread in threads:
        thread.join()


def post(client: Client, headers: dict[str, str], prefer: str) -> TestResponse:
    return client.post_json("/api/messages", {"source": "a"}, headers={**headers, "Prefer": prefer})


def test_task_from_start_to_end(
    client: Client, ann: dict[str, str], render: Callable[[], int]
) -> None:
    answer = post(client, ann, "respond-async")
    assert (answer.status_int, answer.headers["Preference-Applied"]) == (202, "respond-async")
    task = answer.headers["Location"]
    running = client.get(task)
    assert (running.status_int, running.headers["Retry-After"]) == (202, "1")
    assert running.json == {"id": task.removeprefix("/tasks/"), "status": "running"}
    render()
    done = client.get(task)
    assert (done.status_int, done.headers["Location"]) == (303, "/api/messages/1")
    client.delete("/api/messages/1", headers=ann, status=204)
    assert client.get(task).status_int == 404


def test_task_runs_again_after_edit(
    client: Client, ann: dict[str, str], render: Callable[[], int]
) -> None:
    task = post(client, ann, "respond-async").headers["Location"]
    render()
    client.put_json("/api/messages/1", {"source": "b"}, headers=ann, status=204)
    assert client.get(task).status_int == 202


def test_task_of_an_edit(client: Client, ann: dict[str, str]) -> None:
    client.say(ann, "a")
    headers = {**ann, "Prefer": "respond-async"}
    answer = client.put_json("/api/messages/1", {"source": "b"}, headers=headers)
    assert answer.status_int == 202
    assert client.get(answer.headers["Location"]).status_int == 202


@pytest.mark.parametrize("task_id", ["x", "x" * 22, "%00", "%ff", "%C3%A9"])
def test_unknown_task(client: Client, task_id: str) -> None:
    assert client.get(f"/tasks/{task_id}").status_int == 404


def test_post_waits_for_its_html(
    client: Client, ann: dict[str, str], render_soon: Callable[[], None]
) -> None:
    render_soon()
    answer = post(client, ann, "wait=30")
    assert (answer.status_int, answer.headers["Preference-Applied"]) == (201, "wait=30")
    assert (answer.json["rendered"], answer.json["html"]) == (True, "<p>rendered a</p>")


def test_post_does_not_wait_longer(build: Callable[..., Service]) -> None:
    client = Client(build(max_wait_seconds=0))
    answer = post(client, client.join("ann"), "wait=3600")
    assert (answer.status_int, answer.headers["Preference-Applied"]) == (201, "wait=0")
    assert not answer.json["rendered"]


def test_wait_then_task(
    client: Client, ann: dict[str, str], render_soon: Callable[[], None]
) -> None:
    answer = post(client, ann, "respond-async, wait=0")
    assert answer.status_int == 202
    assert answer.headers["Preference-Applied"] == "wait=0, respond-async"
    render_soon()
    answer = post(client, ann, "wait=30, respond-async")
    assert (answer.status_int, answer.headers["Preference-Applied"]) == (201, "wait=30")


def test_edit_waits_for_its_html(
    client: Client, ann: dict[str, str], render_soon: Callable[[], None]
) -> None:
    client.say(ann, "a")
    render_soon()
    headers = {**ann, "Prefer": "wait=30"}
    answer = client.put_json("/api/messages/1", {"source": "b"}, headers=headers)
    assert (answer.status_int, answer.json["html"]) == (200, "<p>rendered b</p>")
    assert answer.headers["Content-Location"] == "/api/messages/1"


def test_deleted_while_waited_for(client: Client, ann: dict[str, str], service: Service) -> None:
    """The post was stored, so 201 is true; there is nothing more to wait for."""

    def delete() -> None:
        other = Client(service)
        wait_until(lambda: other.get("/api/messages/1").status_int == 200)
        assert other.delete("/api/messages/1", headers=ann).status_int == 204

    deleting = Thread(target=delete)
    deleting.start()
    started = time.monotonic()
    assert post(client, ann, "wait=30").status_int == 201
    deleting.join()
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("prefer", ["wait=x", "wait=-1", "wait=²", "wait", "wait=1.5", "foo", "="])
def test_other_preferences_are_ignored(client: Client, ann: dict[str, str], prefer: str) -> None:
    answer = post(client, ann, prefer)
    assert answer.status_int == 201
    assert "Preference-Applied" not in answer.headers
