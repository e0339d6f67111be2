"""X-ray around applications of four frameworks, on five servers."""

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import requests

from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples" / "xray"
FRAMEWORKS = ["flask", "django", "falcon", "pyramid"]
SERVERS = {
    "sync": ["gunicorn", "--bind=127.0.0.1:0"],
    "gthread": ["gunicorn", "--bind=127.0.0.1:0", "--worker-class=gthread"],
    "gevent": ["gunicorn", "--bind=127.0.0.1:0", "--worker-class=gevent"],
    "waitress": ["waitress", "--listen=127.0.0.1:0"],
    "wsgiref": ["tests.examples.test_xray"],
}
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


@contextmanager
def served(framework: str, server: str, output: Path) -> Iterator[str]:
    """Run an example, and give its address."""
    environ = os.environ | {"PYTHONPATH": f"{ROOT}:{FOLDER}", "PYTHONUNBUFFERED": "1"}
    module = f"{framework}_app:application"
    with output.open("wb") as log:
        command = [sys.executable, "-m", *SERVERS[server], module]
        process = subprocess.Popen(command, cwd=output.parent, env=environ, stdout=log, stderr=log)
    try:
        found = wait_until(lambda: ADDRESS.search(output.read_text()) or process.poll() is not None)
        assert isinstance(found, re.Match), output.read_text()
        yield found[0]
    finally:
        process.terminate()
        process.wait(60)


def listed_at(address: str) -> str:
    """Return the list of requests, once it has all five."""
    listed = requests.get(f"{address}/__xray__/", timeout=60).text
    return listed if len(listed.splitlines()) == 5 else ""


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_each_request_says_who_answered(framework: str, server: str, tmp_path: Path) -> None:
    with served(framework, server, tmp_path / "log") as address:
        for method in ("GET", "HEAD"):
            page = requests.request(method, f"{address}/", timeout=60)
            assert (page.status_code, "Server-Timing" in page.headers) == (200, True)
        ladders = [
            requests.get(f"{address}{path}", headers={"X-Ray": "1"}, timeout=60).text
            for path in ("/", "/static/page.css", "/nowhere")
        ]
        # A request is recorded when its body is closed, which a client may be faster than.
        listed = wait_until(lambda: listed_at(address))
    page_ladder, file_ladder, missing = ladders
    assert "\n200 OK" in page_ladder
    assert "answered by white noise: it called nothing below" in file_ladder
    assert "\n404 " in missing
    for ladder in ladders:
        assert "proxy fix" in ladder
        assert "\nfaults:" not in ladder
    # Django leaves it to the server to drop the content that it makes for HEAD.
    assert listed.count(" ! 1\n") == listed.count(" ! ") == (framework == "django")


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


def serve_by_wsgiref(name: str) -> None:
    module, _, attribute = name.partition(":")
    application = getattr(importlib.import_module(module), attribute)
    with make_server("127.0.0.1", 0, application, handler_class=Quiet) as server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
        server.serve_forever()


if __name__ == "__main__":
    serve_by_wsgiref(sys.argv[1])
