from collections.abc import Callable

import pytest
from redis import Redis
from rq.job import Job
from webtest import TestResponse

from ngw2f.http import Request
from ngw2f.jobs import outbox, render
from ngw2f.jobs.context import JobContext
from ngw2f.jobs.wakeup import RENDER
from ngw2f.server.service import Service
from ngw2f.store import tasks
from ngw2f.web.waiting import Pending, answer
from tests.client import Client
from tests.queues import id_of


@pytest.fixture
def ann(client: Client) -> dict[str, str]:
    return client.join("Ann")


@pytest.fixture
def post(client: Client, ann: dict[str, str]) -> Callable[[str], TestResponse]:
    def post_with(prefer: str) -> TestResponse:
        headers = {**ann, "Prefer": prefer}
        return client.post_json("/api/messages", {"source": "*a*"}, headers=headers)

    return post_with


def test_post_with_task(
    client: Client, post: Callable[[str], TestResponse], work: Callable[..., None]
) -> None:
    answered = post("respond-async")
    assert answered.status_int == 202
    task = answered.headers["Location"]
    assert client.get(task).status_int == 202
    work()
    done = client.get(task)
    assert done.status_int == 303
    assert client.get(done.headers["Location"]).json["html"] == "<p><em>a</em></p>"


def test_edit_with_task(client: Client, ann: dict[str, str], work: Callable[..., None]) -> None:
    path = client.say(ann, "a")["_links"]["self"]
    headers = {**ann, "Prefer": "respond-async"}
    answered = client.put_json(path, {"source": "b"}, headers=headers)
    assert answered.status_int == 202
    work()
    assert client.get(answered.headers["Location"]).headers["Location"] == path


def test_task_survives_redis(
    client: Client, post: Callable[[str], TestResponse], redis: Redis
) -> None:
    task = post("respond-async").headers["Location"]
    redis.flushall()
    assert client.get(task).status_int == 202


def test_failed_task_says_so(
    client: Client,
    post: Callable[[str], TestResponse],
    work: Callable[..., None],
    job_context: JobContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stumble(*_arguments: object) -> None:
        raise RuntimeError("a mistake")

    task = post("respond-async").headers["Location"]
    monkeypatch.setattr("ngw2f.jobs.outbox.Outbox.render_batch", stumble)
    monkeypatch.setattr("ngw2f.jobs.wakeup.RETRY_SECONDS", (0,))
    job_context.wakeup.wake_again()
    work()
    failed = client.get(task)
    assert failed.status_int == 500
    assert failed.content_type == "application/problem+json"
    assert failed.json["detail"] == render.PROBLEM
    monkeypatch.undo()
    job_context.wakeup.wake_again()
    work()
    assert client.get(task).status_int == 303


def test_task_of_a_message_that_is_set_aside_says_so(
    client: Client,
    ann: dict[str, str],
    post: Callable[[str], TestResponse],
    work: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stumble(html: str) -> list[object]:
        if "<em>" in html:
            raise RuntimeError("a mistake")
        return []

    monkeypatch.setattr("ngw2f.jobs.outbox.find_links", stumble)
    monkeypatch.setattr("ngw2f.jobs.wakeup.RETRY_SECONDS", (0, 0))
    task = post("respond-async").headers["Location"]
    other = client.say(ann, "b")["_links"]["self"]
    work()
    failed = client.get(task)
    assert failed.status_int == 500
    assert failed.content_type == "application/problem+json"
    assert failed.json["detail"] == outbox.SET_ASIDE
    assert client.get(other).json["rendered"]
    client.put_json("/api/messages/1", {"source": "better"}, headers=ann)
    work()
    assert client.get(task).status_int == 303


def test_job_that_is_tried_again_has_not_failed(
    client: Client, post: Callable[[str], TestResponse], work: Callable[..., None]
) -> None:
    task = post("respond-async").headers["Location"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ngw2f.jobs.outbox.find_links", None)
        work()
    assert client.get(task).status_int == 202


def test_any_endpoint_can_wait(service: Service) -> None:
    numbers = iter([1, 2, 3])
    pending = Pending(
        {"number": 0},
        "/numbers/1",
        is_ready=lambda resource: resource["number"] == 3,
        reload=lambda _connection, _resource: {"number": next(numbers)},
    )
    request = Request({"HTTP_PREFER": "wait=30"})
    response = answer(service.services, request, pending, status=201)
    assert response.get_json() == {"number": 3}
    assert response.headers["Location"] == "/numbers/1"
    assert response.headers["Preference-Applied"] == "wait=30"


def test_any_endpoint_can_have_a_task(service: Service, client: Client) -> None:
    with service.services.core.database.writing() as connection:
        task_id = tasks.create_task(connection, "/numbers/1")
    pending = Pending(0, "/numbers/1", bool, lambda _connection, number: number, task_id)
    response = answer(service.services, Request({}), pending, status=204)
    assert response.status_code == 202
    task = response.headers["Location"]
    with service.services.core.database.writing() as connection:
        tasks.end_task(connection, task_id)
    assert client.get(task).headers["Location"] == "/numbers/1"


def test_deleted_while_waited_for(service: Service) -> None:
    pending = Pending(0, "/numbers/1", bool, lambda _connection, _number: None)
    response = answer(service.services, Request({"HTTP_PREFER": "wait=5"}), pending, status=204)
    assert response.status_code == 204


def test_bell_calls_with_failure_noted(job_context: JobContext, redis: Redis) -> None:
    job_context.wakeup.wake()
    assert Job.fetch(id_of(RENDER), connection=redis).failure_callback is render.note_failure
