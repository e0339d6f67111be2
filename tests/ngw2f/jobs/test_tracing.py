"""A request's id, from the header that nginx sends to the log of the job."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ngw2f.jobs.context import JobContext
from ngw2f.jobs.links import fetch_links
from ngw2f.jobs.render import render_messages
from ngw2f.observe.tracing import request_id as current_id
from ngw2f.settings import Settings
from ngw2f.text.markdown import MarkdownRenderer
from tests.client import Client
from tests.ngw2f.jobs.conftest import WebSite
from tests.waiting import HANGING_SECONDS, wait_until


@pytest.fixture
def ann(client: Client) -> dict[str, str]:
    return client.join("ann")


@pytest.fixture
def post(client: Client, ann: dict[str, str]) -> Callable[[str], str]:
    """Give a function that posts; the id of its request is returned."""

    def run(source: str) -> str:
        posted = client.post_json("/api/messages", {"source": source}, headers=ann, status=201)
        return str(posted.headers["X-Request-ID"])

    return run


@pytest.fixture
def logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[Mapping[str, object]]]:
    """Give a function that returns the fields of what jobs and links have logged."""
    monkeypatch.setattr(logging.getLogger("ngw2f"), "propagate", True)
    caplog.set_level(logging.INFO, "ngw2f")
    return lambda: [record.args for record in caplog.records if isinstance(record.args, dict)]


def test_each_message_of_a_batch_has_its_own(
    job_context: JobContext,
    post: Callable[[str], str],
    logged: Callable[[], list[Mapping[str, object]]],
) -> None:
    ids = [post(source) for source in ("a", "b", "c")]
    render_messages()
    assert [(fields["message_id"], fields["request_id"]) for fields in logged()] == [
        (number, request_id) for number, request_id in enumerate(ids, 1)
    ]


def test_edit_has_its_own(
    job_context: JobContext,
    client: Client,
    ann: dict[str, str],
    post: Callable[[str], str],
    logged: Callable[[], list[Mapping[str, object]]],
) -> None:
    post("a")
    edited = client.put_json("/api/messages/1", {"source": "b"}, headers=ann, status=204)
    render_messages()
    (fields,) = logged()
    assert fields["request_id"] == edited.headers["X-Request-ID"]


def test_failure_has_its_own(
    job_context: JobContext,
    post: Callable[[str], str],
    logged: Callable[[], list[Mapping[str, object]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_self: MarkdownRenderer, source: str) -> None:
        raise ZeroDivisionError(source)

    request_id = post("a")
    monkeypatch.setattr(type(job_context.markdown), "render", fail)
    with pytest.raises(ZeroDivisionError):
        render_messages()
    (fields,) = logged()
    assert (fields["request_id"], fields["result"]) == (
        request_id,
        "failed: ZeroDivisionError('a')",
    )


def test_link_has_that_of_its_newest_message(
    job_context: JobContext,
    post: Callable[[str], str],
    logged: Callable[[], list[Mapping[str, object]]],
    site: WebSite,
) -> None:
    post(site.url("/a"))
    newest = post(site.url("/a"))
    render_messages()
    fetch_links()
    fields = logged()[-1]
    assert (fields["result"], fields["request_id"]) == ("fetched", newest)
    assert fields["site"] == f"127.0.0.1:{site.port}"


def test_what_is_logged_meanwhile_names_the_request(
    job_context: JobContext,
    post: Callable[[str], str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def render(*_: object) -> str:
        seen.append(current_id.get())
        return ""

    monkeypatch.setattr(type(job_context.markdown), "render", render)
    ids = [post("a"), post("b")]
    render_messages()
    assert seen == ids
    assert current_id.get() == ""


@pytest.mark.parametrize("form", ["text", "json"])
def test_worker_writes_it(
    settings: Settings, post: Callable[[str], str], form: str, tmp_path: Path
) -> None:
    """A real worker, whose other lines (RQ's here) have the same form."""
    request_id = post("a")
    environ = os.environ | {
        "NGW2F_DATA_DIR": settings.data_dir,
        "NGW2F_DATABASE_URL": settings.database_url,
        "NGW2F_REDIS_URL": settings.redis_url,
        "NGW2F_REDIS_TIMEOUT_SECONDS": str(settings.redis_timeout_seconds),
        "NGW2F_LOG_FORMAT": form,
    }
    log = tmp_path / "log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "ngw2f", "worker-process"]
        worker = subprocess.Popen(command, env=environ, stderr=output)
    try:
        line = wait_until(
            lambda: [each for each in log.read_text().splitlines() if request_id in each], 60
        )[0]
    finally:
        worker.terminate()
        worker.wait(HANGING_SECONDS)
    if form == "text":
        assert line.endswith(f"message 1 rendered {request_id}")
        return
    entry = json.loads(line)
    assert (entry["message_id"], entry["request_id"]) == (1, request_id)
    assert all(json.loads(each)["logger"] for each in log.read_text().splitlines())
