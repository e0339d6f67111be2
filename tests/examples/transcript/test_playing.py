"""Transcripts against a server that answers with bytes of our choice."""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from examples.transcript import reading
from examples.transcript.__main__ import main
from examples.transcript.machine import answers
from examples.transcript.notation import parse
from examples.transcript.playing import Player, play
from examples.transcript.reading import DeviationError
from examples.transcript.stage import LackingError, Stage
from tests.waiting import wait_until

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 6\r\nETag: "x1"\r\n\r\nhello\n'
SEEN = """\
< HTTP/1.1 200 OK
< Content-Length: 6
< ETag: "<etag>"
<
< hello
"""
ASKED = "> GET / HTTP/1.0\n>\n"
CLOSED = "Connection closed by foreign host.\n"
# A server that sends everybody elsewhere: serve.py PORT URL.
REDIRECTING = """\
import sys
from wsgiref.simple_server import make_server

def application(environ, start_response):
    start_response("302 Found", [("Location", sys.argv[2]), ("Content-Length", "0")])
    return []

make_server("127.0.0.1", int(sys.argv[1]), application).serve_forever()
"""


@pytest.fixture
def answer() -> Iterator[Callable[..., int]]:
    """Give a function that starts a server, which gives each client one answer; and its port."""
    listeners, threads = [], []

    def start(content: bytes, *, closes: bool = True) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                while not connection.recv(65536).endswith(b"\r\n\r\n"):
                    pass
                connection.sendall(content)
                if not closes:
                    connection.recv(1)

        threads.append(threading.Thread(target=serve, daemon=True))
        threads[-1].start()
        port: int = listener.getsockname()[1]
        return port

    yield start
    for thread in threads:
        thread.join(60)
    for listener in listeners:
        listener.close()


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """Give a function that writes a transcript."""

    def write(text: str) -> Path:
        path = tmp_path / "it.telnet"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def conversation(port: int | str, seen: str = SEEN, end: str = CLOSED) -> str:
    return f"$ telnet 127.0.0.1 {port}\n{ASKED}{seen}{end}"


def test_right_answer_passes(answer: Callable[..., int], written: Callable[[str], Path]) -> None:
    play(written(conversation(answer(ANSWER))))


@pytest.mark.parametrize(
    "fault",
    [
        ANSWER.replace(b"200 OK", b"201 Created"),
        ANSWER.replace(b"HTTP/1.1", b"HTTP/1.0"),
        ANSWER.replace(b"Length: 6", b"Length: 7"),
        ANSWER.replace(b"\r\n\r\n", b"\r\nServer: other\r\n\r\n"),
        ANSWER.replace(b'ETag: "x1"\r\n', b""),
        ANSWER.replace(b'"x1"', b"x1"),
        ANSWER.replace(b"hello", b"hallo"),
        ANSWER.replace(b"hello\n", b"hello"),
        ANSWER.replace(b"hello\n", b"hello\r\n"),
        ANSWER.replace(b"OK\r\n", b"OK\n"),
        ANSWER + b"!",
        ANSWER[:-3],
        b"",
    ],
    ids=[
        "status", "version", "header value", "header more", "header less", "quotes", "byte",
        "no line end", "CR in the body", "no CR in the head", "byte more", "bytes less", "nothing",
    ],
)  # fmt: skip
def test_fault_in_an_answer_is_found(
    answer: Callable[..., int], written: Callable[[str], Path], fault: bytes
) -> None:
    with pytest.raises(DeviationError):
        play(written(conversation(answer(fault))))


def test_difference_names_line_and_both_sides(
    answer: Callable[..., int], written: Callable[[str], Path]
) -> None:
    path = written(conversation(answer(ANSWER.replace(b"200 OK", b"404 Not Found"))))
    with pytest.raises(DeviationError) as caught:
        play(path)
    lines = str(caught.value).splitlines()
    assert lines[0] == "line 4: at: < HTTP/1.1 200 OK"
    assert "-< HTTP/1.1 200 OK" in lines
    assert "+< HTTP/1.1 404 Not Found" in lines
    assert " < hello" in lines


def test_difference_names_the_line_within_the_answer(
    answer: Callable[..., int], written: Callable[[str], Path]
) -> None:
    path = written(conversation(answer(ANSWER.replace(b"hello", b"hallo"))))
    with pytest.raises(DeviationError, match="line 8: at: < hello"):
        play(path)


def test_connection_that_stays_open_is_found(
    answer: Callable[..., int], written: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_patience(told: str) -> None:
        # For what does not come: the answer before it has the time that it takes.
        if told.endswith("< hello"):
            monkeypatch.setattr(reading, "PATIENCE_SECONDS", 0.5)

    with pytest.raises(DeviationError, match="the connection is open"):
        play(written(conversation(answer(ANSWER, closes=False))), lose_patience)


def test_connection_that_is_closed_is_found(
    answer: Callable[..., int], written: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Until it is: the server may have to wait for a processor before it closes.
    monkeypatch.setattr(reading, "QUIET_SECONDS", 30.0)
    with pytest.raises(DeviationError, match="the connection is closed"):
        play(written(conversation(answer(ANSWER), end="")))


def test_person_may_quit_a_stream(
    answer: Callable[..., int], written: Callable[[str], Path]
) -> None:
    play(written(conversation(answer(ANSWER + b"more", closes=False), end="Connection closed.\n")))


def test_body_without_a_line_end_is_written_down(
    answer: Callable[..., int], written: Callable[[str], Path]
) -> None:
    seen = SEEN.replace("hello", "hello\\")
    play(written(conversation(answer(ANSWER[:-1]), seen)))


def test_value_is_the_same_in_the_next_answer(
    answer: Callable[..., int], written: Callable[[str], Path]
) -> None:
    first, second = answer(ANSWER), answer(ANSWER.replace(b"x1", b"x2"))
    with pytest.raises(DeviationError, match="x2"):
        play(written(conversation(first) + conversation(second)))


def test_two_terminals_have_connections_of_their_own(
    answer: Callable[..., int], written: Callable[[str], Path]
) -> None:
    first = answer(ANSWER, closes=False)
    second = answer(ANSWER.replace(b"hello", b"other"))
    path = written(
        f"=== ann\n$ telnet 127.0.0.1 {first}\n"
        f"=== bob\n{conversation(second, SEEN.replace('hello', 'other'))}"
        f"=== ann\n{ASKED}{SEEN}"
    )
    play(path)


def test_what_came_is_read_before_another_connection(
    answer: Callable[..., int], written: Callable[[str], Path]
) -> None:
    port = answer(ANSWER)
    head = SEEN.removesuffix("< hello\n")
    with pytest.raises(DeviationError, match="there is more"):
        play(written(f"{conversation(port, head, '')}$ telnet 127.0.0.1 {port}\n"))


def test_output_of_a_command_is_compared(written: Callable[[str], Path]) -> None:
    play(written("$ printf 'a\\nb\\n'\n< a\n< b\n"))


@pytest.mark.parametrize("output", ["a\\n", "a\\nb\\nc\\n", "a\\nc\\n", "a\\nb"])
def test_other_output_is_found(written: Callable[[str], Path], output: str) -> None:
    with pytest.raises(DeviationError):
        play(written(f"$ printf '{output}'\n< a\n< b\n"))


def test_output_that_is_not_written_down_is_found(written: Callable[[str], Path]) -> None:
    with pytest.raises(DeviationError, match="there is more"):
        play(written("$ echo hello\n# words\n"))


def test_commands_run_beside_the_file(written: Callable[[str], Path]) -> None:
    path = written("$ ls\n< it.telnet\n")
    play(path)


# The shell stays between us and what it starts, if that writes into a file.
@pytest.mark.parametrize("output", ["", " > <directory>/printed 2>&1"])
def test_server_is_started_and_stopped(written: Callable[[str], Path], output: str) -> None:
    with Stage(written("").parent) as stage:
        Player(stage, lambda _text: None).play(
            list(parse(f"$ python -m http.server -b 127.0.0.1 8000{output} &\n"))
        )
        port = int(stage.ports["8000"])
        assert answers(port)
    wait_until(lambda: not answers(port))


def test_job_is_ended_by_its_number(written: Callable[[str], Path]) -> None:
    with Stage(written("").parent) as stage:
        player = Player(stage, lambda _text: None)
        server = "$ python -m http.server -b 127.0.0.1 {} &\n"
        player.play(list(parse(server.format(8000) + server.format(8001) + "$ kill %2\n")))
        assert [answers(int(stage.ports[port])) for port in ("8000", "8001")] == [True, False]


@pytest.mark.parametrize(
    ("kill", "left"), [("kill", ["it.telnet", "last-words"]), ("kill -9", ["it.telnet"])]
)
def test_job_that_is_killed_says_nothing_more(
    written: Callable[[str], Path], kill: str, left: list[str]
) -> None:
    with Stage(written("").parent) as stage:
        server = "python -m http.server -b 127.0.0.1 8000 & wait"
        text = f"$ trap 'touch last-words; exit' TERM; {server} &\n$ {kill} %1\n"
        Player(stage, lambda _text: None).play(list(parse(text)))
        assert sorted(path.name for path in stage.directory.iterdir()) == left
        # What it has started is its group, and ends with it.
        wait_until(lambda: not answers(int(stage.ports["8000"])))


def test_no_proxy_is_asked(written: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    ask = "import urllib.request as r; print(r.urlopen('http://localhost:8000').status)"
    play(written(f'$ python -m http.server -b 127.0.0.1 8000 &\n$ python -c "{ask}"\n< 200\n'))


@pytest.mark.parametrize("job", [0, 1])
def test_job_that_is_none_is_told(written: Callable[[str], Path], job: int) -> None:
    with pytest.raises(DeviationError, match=f"there is no job {job}"):
        play(written(f"$ kill %{job}\n"))


def test_port_is_told_as_it_is_written(written: Callable[[str], Path], tmp_path: Path) -> None:
    """Whether a command prints it, or a server sends it."""
    (tmp_path / "serve.py").write_text(REDIRECTING)
    url = "http://localhost:8000/"
    told: list[str] = []
    play(
        written(
            f"$ echo {url}\n< {url}\n"
            f"$ python serve.py 8000 {url} &\n$ telnet localhost 8000\n{ASKED}"
            f"< HTTP/1.0 302 Found\n< Date: <date>\n< Server: <text>\n< Location: {url}\n"
            f"< Content-Length: 0\n<\n{CLOSED}"
        ),
        told.append,
    )
    seen = "\n".join(told)
    assert f"$ echo {url}\n< {url}\n$ python serve.py 8000 {url} &" in seen
    assert f"< Location: {url}\n" in seen


def test_server_that_ends_at_once_is_told(written: Callable[[str], Path]) -> None:
    with pytest.raises(DeviationError, match="did not start"):
        play(written("$ echo 8000 &\n"))


def test_number_that_is_no_port_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("examples.transcript.stage.START_SECONDS", 0.0)
    with Stage(tmp_path) as stage:
        # The same digits as in the address that the command has.
        stage.values["task"] = "127"
        stage.start("sleep 60 # 127.0.0.1")


def test_program_is_no_module(written: Callable[[str], Path]) -> None:
    with pytest.raises(LackingError, match="needs import bash"):
        play(written("needs: import bash: there is none\n"))


def test_missing_program_is_told(written: Callable[[str], Path]) -> None:
    with pytest.raises(LackingError, match="needs no-such-program: build it"):
        play(written("needs: no-such-program: build it\n"))


@pytest.mark.parametrize("name", ["bash", "import json"])
def test_program_or_module_is_found(written: Callable[[str], Path], name: str) -> None:
    play(written(f"needs: {name}: it is there\n"))


def test_file_is_found_where_the_transcript_is(
    written: Callable[[str], Path], tmp_path: Path
) -> None:
    path = written("needs: local.conf: write it\n")
    with pytest.raises(LackingError, match=r"needs local.conf: write it"):
        play(path)
    (tmp_path / "local.conf").touch()
    play(path)


def test_module_is_no_file(written: Callable[[str], Path], tmp_path: Path) -> None:
    (tmp_path / "no_such_module").touch()
    with pytest.raises(LackingError, match="needs import no_such_module"):
        play(written("needs: import no_such_module: there is none\n"))


@pytest.mark.parametrize(
    ("text", "status"),
    [("$ echo a\n< a\n", 0), ("$ echo a\n< b\n", 1), ("needs: nothing-such\n", 2), ("what\n", 2)],
)
def test_command_says_how_it_went(
    written: Callable[[str], Path], text: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(written(text))]) == status
    out, err = capsys.readouterr()
    assert ("every line as written" in out) == (status == 0)
    assert ("it.telnet: " in err) == (status != 0)


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        ("# words\n> GET / HTTP/1.0\n", 2, "line 2: nothing is connected here"),
        ("# words\n< HTTP/1.1 200 OK\n", 2, "line 2: nothing is connected here"),
        (CLOSED, 2, "line 1: nothing is connected here"),
        ("Connection closed.\n", 2, "line 1: nothing is connected here"),
        ("$ telnet 127.0.0.1\n", 2, "line 1: it is `telnet HOST PORT`"),
        ("$ telnet 127.0.0.1 http\n", 2, "line 1: it is `telnet HOST PORT`"),
        ("$ telnet 127.0.0.1 8000\n", 1, "line 1: [Errno 111] Connection refused"),
        ("\xff", 2, "line 1 is not a line of a transcript"),
    ],
    ids=[
        "typed", "seen", "closed", "quit", "no port", "port by name", "nobody there", "other text",
    ],
)  # fmt: skip
def test_mistake_in_a_file_is_told_with_its_line(
    written: Callable[[str], Path],
    text: str,
    status: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([str(written(text))]) == status
    assert f"it.telnet: {message}" in capsys.readouterr().err


def test_command_that_does_not_end_is_told(
    written: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(stage: Stage, command: str) -> None:
        raise subprocess.TimeoutExpired(command, 120)

    monkeypatch.setattr(Stage, "run", run)
    with pytest.raises(DeviationError, match=r"line 2: .*timed out"):
        play(written("# words\n$ sleep 1000\n"))


@pytest.mark.parametrize(
    ("name", "message"), [("lost.telnet", "No such file or directory"), ("", "Is a directory")]
)
def test_file_that_cannot_be_read_is_told(
    tmp_path: Path, name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / name)]) == 2
    assert message in capsys.readouterr().err


def test_file_that_is_no_text_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "it.telnet"
    path.write_bytes(b"\xff\xfe")
    assert main([str(path)]) == 2
    assert "it.telnet: " in capsys.readouterr().err


def test_servers_do_not_wait_for_a_reader(
    written: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = []

    def read_until_all_is_played() -> None:
        wait_until((tmp_path / "end").exists)
        pauses.append("Enter")

    monkeypatch.setattr("builtins.input", read_until_all_is_played)
    transcript = written(f"# words\n$ echo a\n< a\n\n# words\n$ touch {tmp_path}/end\n")
    assert main(["--pause", str(transcript)]) == 0
    assert len(pauses) == 2


def test_reader_is_told_what_deviates(
    written: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("builtins.input", lambda: "")
    assert main(["--pause", str(written("# words\n$ echo a\n< b\n"))]) == 1
    out, err = capsys.readouterr()
    assert "$ echo a" in out
    assert "+< a" in err


def test_worst_file_decides(
    written: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    good = written("$ echo a\n< a\n")
    bad = good.with_name("bad.telnet")
    bad.write_text("$ echo a\n< b\n")
    assert main(["--quiet", str(bad), str(good)]) == 1
    assert "every line" in capsys.readouterr().out
