"""An instance that is no chat: it keeps each request as it came, and answers what it is told."""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer

# A stream that is not ended by its test sends a second line after so long.
STREAM_SECONDS = 45

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Recorded:
    """A request as an instance reads it."""

    method: str
    target: str
    headers: Headers
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


@dataclass
class Recorder:
    """What one instance got, and what it answers."""

    name: str
    requests: list[Recorded] = field(default_factory=list)
    status: int = 200
    filler: str = ""
    headers: Headers = field(default_factory=list)
    # If set, answers are streams: one line, and the end when this is set.
    end: threading.Event | None = None
    # If set, no answer begins before this is set.
    hold: threading.Event | None = None


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True

    def __init__(self, path: Path, recorder: Recorder) -> None:
        self.recorder = recorder
        super().__init__(str(path), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def answer(self) -> None:
        recorder = self.server.recorder
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = [(name, value) for name, value in self.headers.items()]
        recorder.requests.append(Recorded(self.command, self.path, headers, body))
        count = len(recorder.requests)
        if recorder.hold:
            recorder.hold.wait(STREAM_SECONDS)
        if recorder.end:
            self._stream(recorder.end)
            return
        told = {"instance": recorder.name, "count": count, "filler": recorder.filler}
        content = json.dumps(told).encode()
        self.send_response(recorder.status)
        for name, value in recorder.headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _stream(self, end: threading.Event) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"8\r\ndata: 1\n\r\n")
        if not end.wait(STREAM_SECONDS):
            self.wfile.write(b"8\r\ndata: 2\n\r\n")
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = answer  # noqa: N815 # http.server asks for these names

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: the tests look at what was recorded."""


class Instance:
    """A recorder behind a Unix socket, for a `with` block."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recorder = Recorder(path.stem)

    def __enter__(self) -> "Instance":
        self._server = _Server(self.path, self.recorder)
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.02])
        self._thread.start()
        return self

    def forget(self) -> None:
        """Begin anew, with nothing recorded and the usual answer."""
        self.recorder = self._server.recorder = Recorder(self.path.stem)

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.path.unlink(missing_ok=True)
