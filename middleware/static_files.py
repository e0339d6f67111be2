"""Serve files from a directory: whole, in ranges, or as 304 Not Modified."""

from __future__ import annotations

import mimetypes
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._paths import wsgi_path
from middleware._wsgi import Headers, WrappedBody
from middleware.answer import OtherMethods
from middleware.cache.client_conditions import not_modified_headers, precondition_fails
from middleware.cache.dates import format_date
from middleware.cache.replies import Reply, reply
from middleware.negotiation import coding_weight

PIECE_BYTES = 64 * 1024
# Compressed variants that may lie beside a file, the preferred first.
CODINGS = {"br": ".br", "gzip": ".gz"}
# Types that Python's own table lacks, or has in an old form; the system's tables are not used.
TYPES = {
    ".avif": "image/avif",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
# A hidden folder that is public nevertheless (RFC 8615).
WELL_KNOWN = ".well-known"
OTHER_METHODS = OtherMethods("GET", "HEAD")


class StaticFilesMiddleware:
    """Answer for the files below a directory.

    Request: one for a file is answered here, all others pass. Response: passes unchanged.

    `directory`: its files are listed once, now. A file that changes later is sent in its new form;
        requests for a file that was removed or added later go to the application. Left out are
        names that begin with a dot, except `.well-known`, and symbolic links that lead out of the
        directory.
    `prefix`: the path in front of them, such as `/static`.
    `max_age_seconds`: how long a client may use its copy without asking; a minute unless given.
    `types`: media types by the suffix of a name, such as `.js`, added to a table that is the same
        on every machine. Text is UTF-8.

    A file `FILE.br` or `FILE.gz` beside a file is sent in its place to clients that accept it.

    Reads `PATH_INFO`, `REQUEST_METHOD`, conditions, `HTTP_RANGE`, `HTTP_ACCEPT_ENCODING`; writes
    nothing.

    Place: inside whatever decides who may ask; outside a cache, which files do not need.

    Rules: RFC 9110 sections 8.8 (validators), 12.5.3 (codings), 13 (conditions), 14 (ranges),
    15.5.6 (405), 9.3.7 (OPTIONS); the code for conditions and ranges is the cache's.

    It compresses nothing, lists no directories, and does not use `wsgi.file_wrapper`.
    """

    def __init__(
        self,
        app: WSGIApplication,
        directory: str | os.PathLike[str],
        *,
        prefix: str,
        max_age_seconds: int = 60,
        types: Mapping[str, str] | None = None,
    ) -> None:
        self.app = app
        root = os.path.realpath(directory)
        if not os.path.isdir(root):
            raise ValueError(f"directory: {os.fspath(directory)!r} is not a directory")
        for end in types or ():
            if not end.startswith("."):
                raise ValueError(f"types: {end!r} is not a suffix, as in '.js'")
        table = {**TYPES, **(types or {})}
        found = dict(files_below(root))
        front = wsgi_path(prefix).rstrip("/")
        self.files = {
            f"{front}/{as_path(name)}": StaticFile(
                {
                    coding: found[name + end]
                    for coding, end in CODINGS.items()
                    if name + end in found
                }
                | {"identity": path},
                media_type(name, table),
                max_age_seconds,
            )
            for name, path in found.items()
            if not (name.endswith(tuple(CODINGS.values())) and name.rpartition(".")[0] in found)
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        file = self.files.get(environ.get("PATH_INFO", ""))
        if file is None:
            return self.app(environ, start_response)
        opened = file.open(environ.get("HTTP_ACCEPT_ENCODING"))
        if opened is None:
            return self.app(environ, start_response)
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            opened.close()
            return OTHER_METHODS(environ, start_response)
        return opened.answer(environ, start_response)


class StaticFile:
    """One file in its codings, and the header fields of each."""

    __slots__ = ("headers", "variants")

    def __init__(self, variants: Mapping[str, str], kind: str, max_age_seconds: int) -> None:
        self.variants = variants
        self.headers: Headers = [
            ("Content-Type", kind),
            ("Cache-Control", f"max-age={max_age_seconds}, public"),
            ("Accept-Ranges", "bytes"),
        ]
        if len(variants) > 1:
            self.headers.append(("Vary", "Accept-Encoding"))

    def open(self, accepted: str | None) -> OpenFile | None:
        """Open the variant that suits the client best; None if the file is gone."""
        for coding in self.codings(accepted):
            descriptor = open_file(self.variants[coding])
            if descriptor is not None:
                return OpenFile(descriptor, coding, self.headers)
        return None

    def codings(self, accepted: str | None) -> list[str]:
        """List the codings to try; the plain file is always the last resort."""
        if len(self.variants) == 1 or not accepted:
            return ["identity"]
        weights = {coding: coding_weight(accepted, coding) for coding in self.variants}
        suiting = [coding for coding, weight in weights.items() if weight > 0]
        return [*sorted(suiting, key=lambda coding: -weights[coding]), "identity"]


class OpenFile:
    """A file that is being sent: a `Representation` for `reply`, and its bytes."""

    span = None
    code = 200
    status = "200 OK"

    def __init__(self, descriptor: int, coding: str, headers: Headers) -> None:
        self.descriptor = descriptor
        about = os.fstat(descriptor)
        self.size = about.st_size
        self.response_time = time.time()
        # Never later than the response (RFC 9110 section 8.8.2.1).
        self.date = int(self.response_time)
        self.modified_by = min(int(about.st_mtime), self.date)
        self.last_modified = format_date(self.modified_by)
        # The bytes of each coding differ, so its tag does too (section 8.8.3.3).
        end = "" if coding == "identity" else f"-{coding}"
        self.etag = f'"{about.st_mtime_ns:x}-{self.size:x}{end}"'
        self.headers = [
            *headers,
            *([("Content-Encoding", coding)] if end else []),
            ("Last-Modified", self.last_modified),
            ("ETag", self.etag),
            ("Content-Length", str(self.size)),
        ]

    @property
    def body(self) -> OpenFile:
        return self

    @property
    def not_modified_headers(self) -> Headers:
        return not_modified_headers(self.headers, None)

    def answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer for the file, and close it at the end."""
        try:
            if precondition_fails(self.etag, self.modified_by, environ, self.response_time):
                headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "0")]
                answer: Reply = ("412 Precondition Failed", headers, ())
            else:
                answer = reply(self, environ)
            status, headers, pieces = answer
            start_response(status, list(headers))
        except BaseException:
            self.close()
            raise
        return FileBody(pieces, self)

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield a part of the file; ConnectionError if the file has become shorter."""
        for first in range(start, stop, PIECE_BYTES):
            size = min(PIECE_BYTES, stop - first)
            piece = os.pread(self.descriptor, size, first)
            if len(piece) < size:
                raise ConnectionError("the file has become shorter while it was sent")
            yield piece

    def close(self) -> None:
        os.close(self.descriptor)


class FileBody(WrappedBody):
    """The body of a response from a file."""

    __slots__ = ("_file",)

    def __init__(self, pieces: Iterable[bytes], file: OpenFile) -> None:
        super().__init__(pieces)
        self._file = file

    def after_close(self) -> None:
        self._file.close()


def files_below(root: str) -> Iterator[tuple[str, str]]:
    """List the public files: the path below the root, and the path to open."""
    for place, folders, names in os.walk(root):
        folders[:] = [folder for folder in folders if is_shown(folder)]
        for name in filter(is_shown, names):
            path = os.path.join(place, name)
            real = os.path.realpath(path)
            if os.path.isfile(real) and os.path.commonpath([root, real]) == root:
                yield os.path.relpath(path, root), real


def is_shown(name: str) -> bool:
    return not name.startswith(".") or name == WELL_KNOWN


def as_path(name: str) -> str:
    """Return a file's name in the form of `PATH_INFO`."""
    return os.fsencode(name).decode("latin-1").replace(os.sep, "/")


def media_type(name: str, types: Mapping[str, str]) -> str:
    """Return a file's media type by the suffix of its name, the same on every machine."""
    end = os.path.splitext(name)[1].lower()
    guessed, coding = _known_types().guess_type(f"file{end}")
    kind = types.get(end) or (None if coding else guessed) or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind


# A table of Python's own takes a millisecond to make, and is the same for all.
@cache
def _known_types() -> mimetypes.MimeTypes:
    return mimetypes.MimeTypes()


def open_file(path: str) -> int | None:
    """Open a file to read; None if it is gone or no longer a regular file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None
