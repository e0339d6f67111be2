"""Remove one layer at a time, and report what still works: python peel.py."""

import os
import selectors
import signal
import socket
from contextlib import ExitStack
from pathlib import Path

from examples.transcript.reading import DeviationError
from examples.transcript.stage import Stage

STACKS = {
    "all of them": ("gunicorn --workers 2 layers.on_flask:application", "on_flask"),
    "no nginx": ("gunicorn --workers 2 layers.on_flask:application", "on_flask"),
    "no gunicorn": ("python layers/alone.py layers.on_flask:application 8000", "on_flask"),
    "no WSGI": ("python layers/on_sockets.py 8000", "on_sockets"),
    "no Werkzeug": ("gunicorn --workers 2 layers.on_wsgi:application", "on_wsgi"),
    "no Flask": ("gunicorn --workers 2 layers.on_werkzeug:application", "on_werkzeug"),
}
QUESTIONS = ["answers", "a file", "slow two", "busy one", "405", "killed", "another server"]
# The slow clients take longer: without an answer by then, the worker waits for them.
PATIENCE_SECONDS = 1.0


def peel(name: str, patience: float) -> list[bool]:
    """Return the answers to all questions without a layer."""
    command, module = STACKS[name]
    with Stage(Path(__file__).parent) as stage:
        port = stage.serve(command)
        if name != "no nginx":
            stage.run("nginx -p . -c nginx.conf")
            port = int(stage.ports["8080"])
        answers = [
            b"hello Ada" in ask(port, "GET /hello/Ada"),
            ask(port, "GET /site/picture.svg").startswith(b"HTTP/1.1 200"),
            is_first(port, [b"GET /hel"] * 2, patience),
            is_first(port, [b"GET /wait HTTP/1.0\r\n\r\n"], patience),
        ]
        # What `/wait` waits for.
        (stage.directory / "enough").touch()
        return [
            *answers,
            b" 405 " in ask(port, "POST /hello/Ada"),
            is_replaced(stage.servers[0].pid, port),
            is_served_elsewhere(stage, module),
        ]


def ask(port: int, line: str) -> bytes:
    try:
        with ExitStack() as stack:
            connection = connect(port, f"{line} HTTP/1.0\r\n\r\n".encode(), stack)
            return stack.enter_context(connection.makefile("rb")).read()
    except OSError:
        return b""


def connect(port: int, begun: bytes, stack: ExitStack) -> socket.socket:
    connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
    connection.sendall(begun)
    return connection


def is_first(port: int, others: list[bytes], patience: float) -> bool:
    """Return whether a quick request is answered before slow ones that came first."""
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        slow = [connect(port, begun, stack) for begun in others]
        quick = connect(port, b"GET /hello/Ada HTTP/1.0\r\n\r\n", stack)
        for each in (quick, *slow):
            selector.register(each, selectors.EVENT_READ)
        return [key.fileobj for key, _ in selector.select(patience)] == [quick]


def is_replaced(pid: int, port: int) -> bool:
    """Kill the answering process; return whether the next request is answered."""
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
    os.kill(pid, signal.SIGKILL)
    return b"hello Ada" in ask(port, "GET /hello/Ada")


def is_served_elsewhere(stage: Stage, module: str) -> bool:
    try:
        port = stage.serve(f"python layers/alone.py layers.{module}:application 8001")
    except DeviationError:
        return False
    return b"hello Ada" in ask(port, "GET /hello/Ada")


def row(name: str, patience: float = PATIENCE_SECONDS) -> str:
    """Return the answers without a layer, and the application's number of non-blank lines."""
    answers = zip(QUESTIONS, peel(name, patience), strict=True)
    cells = [f"{'yes' if is_so else '-':<{len(question)}}" for question, is_so in answers]
    path = Path(__file__).parent / "layers" / f"{STACKS[name][1]}.py"
    lines = list(filter(None, path.read_text(encoding="utf-8").splitlines()))
    return f"{name:<12} {'  '.join(cells)}  {len(lines)}"


def main() -> None:
    print(f"{'':<12} {'  '.join(QUESTIONS)}  lines")
    for name in STACKS:
        print(row(name), flush=True)


if __name__ == "__main__":
    main()
