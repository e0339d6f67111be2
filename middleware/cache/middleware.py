"""The cache as WSGI middleware."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from wsgiref.types import StartResponse, WSGIApplication

from middleware._options import errors_of, function_of
from middleware.cache.collapsing import Flights
from middleware.cache.deliberation import Deliberation, Spawn
from middleware.cache.entry import Entry
from middleware.cache.hooks import KeyHook, VaryHook, apply_vary_hooks, vary_hooks
from middleware.cache.invalidation import SAFE_METHODS
from middleware.cache.key import KeyMaker
from middleware.cache.parts import STATUS_KEY, Environ, Parts, Request
from middleware.cache.policy import CachePolicy
from middleware.cache.purge_requests import PurgeRequests
from middleware.cache.purging import Purge
from middleware.cache.replies import reply
from middleware.cache.status import CacheStatus
from middleware.cache.stores import MemoryStore, Store
from middleware.cache.unsafe import UnsafeRequest


class HTTPCacheMiddleware:
    """Answer from stored responses, as a shared HTTP cache.

    **Request.** A request that the store can answer does not reach the application.
    For others, If-None-Match and If-Modified-Since are replaced by the cache's
    own conditions while the application runs, and the cache evaluates the client's;
    unless the response is unlikely to be stored: with Authorization, Range or
    no-store, and after a response that could not be shared.
    Requests with a body, `Upgrade`, `If-Match` or `If-Unmodified-Since`, and those
    without a path or a known host (`key.py`) pass unchanged.

    **Response.** A stored response gets `Age`, and Date and Content-Length if it
    had none; conditions are answered with 304, ranges with 206 or 416,
    `only-if-cached` with 504. All responses to GET and HEAD that the cache handled
    get a line of `Cache-Status`.
    A body streams while it is stored: if its length is unknown, a chunk is held back
    until the next one, and an empty one is sent in its place.

    **Options.**

    - `store`: where responses are kept; by default 64 MiB in this process. With several
      processes, use a `SharedGroupClock` or a `RedisStore`.
    - `policy`: the choices of `CachePolicy`: heuristics, Set-Cookie, sizes, the
      targeted field.
    - `name`: the name of the cache in Cache-Status.
    - `send_status`: False leaves Cache-Status out of responses.
    - `collapse_seconds`: how long a request waits for the same response to another one
      before it is forwarded itself; 0 turns waiting off. 10 is longer than
      a response should take and shorter than clients' patience.
    - `uncacheable_seconds`: how long no request waits after a response that could not
      be shared. Short, because the next response may be one that can.
    - `finish_seconds`: how long a body is read for the store after its client left.
    - `disconnected`: exceptions of the application that mean that it cannot reach
      what it needs; a stale response may then replace them (RFC 9111 section 4.2.4).
    - `exempt`: decides by environ whether a GET or HEAD bypasses the cache. For
      long polling and streams: no request should wait for a response that takes long
      and cannot be shared.
    - `spawn`: runs a function in the background, for revalidation; by default in a
      daemon thread, which gevent's patching makes a greenlet.
    - `key`: makes the cache key of a target URI: a function from `TargetURI` to another one, or to
      None for what is not to be cached. It depends on nothing else, since URIs in responses and in
      purges pass it too. `without_parameters` and `same_host` make such functions.
      The application finds the key's query in environ: a parameter that is not in the key
      cannot get into the response that all others receive.
    - `vary`: by name of a request field, what counts of its value for responses that vary
      on it: a function from text to text, such as `only_cookies` makes. It sees "" without
      the field. The application sees the field as it is, and must depend on no more than that.
    - `purge_requests`: a `PurgeRequests`, which answers the method PURGE; without one, it is the
      application's.
    - `clock`: returns the time in seconds since 1970; for tests.

    **environ.** Reads the request's fields, `RAW_URI` or `REQUEST_URI` for the path
    as the client wrote it, and `REMOTE_USER`, which counts like Authorization. Writes
    `middleware.cache.status`, the Cache-Status text (for a forwarded request, the part
    that is known before the application runs); in background requests
    `middleware.cache.background`: True.

    **Place.** Inside whatever decides who may ask (rate limit, guards, proxy headers,
    path rewriting) and outside the application. Outside content coding, so that a
    response is coded once; its Vary then keeps the codings apart.

    **Implements** RFC 9111; RFC 9110 sections 13 (conditions) and 14 (ranges);
    RFC 5861 (stale-while-revalidate, stale-if-error); RFC 9211 (Cache-Status);
    RFC 9213 (a targeted field); RFC 9875 (Cache-Groups, Cache-Group-Invalidation).

    **Does not**: store in doubt; answer OPTIONS or TRACE; complete a part by
    requesting the rest; drop responses that share a group with an invalidated URI (RFC 9875
    section 2.2.1 leaves that open); serve a stale response whose lifetime came from
    `s-maxage`, not even with stale-while-revalidate (section 5.2.2.10). A body
    written through the `write` callable of PEP 3333 is stored, but only after its last byte.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        store: Store | None = None,
        policy: CachePolicy | None = None,
        name: str = "wsgi",
        send_status: bool = True,
        collapse_seconds: float = 10.0,
        uncacheable_seconds: float = 10.0,
        finish_seconds: float = 10.0,
        disconnected: type[Exception] | Iterable[type[Exception]] = (ConnectionError, TimeoutError),
        exempt: Callable[[Environ], bool] | None = None,
        spawn: Spawn | None = None,
        key: KeyHook | None = None,
        vary: Mapping[str, VaryHook] | None = None,
        purge_requests: PurgeRequests | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._parts = Parts(
            app=app,
            store=MemoryStore() if store is None else store,
            keys=KeyMaker(function_of("key", key)),
            vary=vary_hooks({} if vary is None else vary),
            policy=CachePolicy() if policy is None else policy,
            flights=Flights(uncacheable_seconds),
            status=CacheStatus(name),
            time=clock,
            disconnected=errors_of("disconnected", disconnected),
            finish_seconds=finish_seconds,
            send_status=send_status,
        )
        self._app = app
        self._store = self._parts.store
        self._time = clock
        self._keys = self._parts.keys
        # Without a hook the URI is the key.
        self._key_of = self._keys.uri if key is None else self._keys.key
        self._vary = self._parts.vary
        self._purge_requests = purge_requests
        self._collapse_seconds = collapse_seconds
        self._exempt = function_of("exempt", exempt)
        self._spawn = _start_thread if spawn is None else spawn
        self._send_status = send_status
        self._hit = self._parts.status.hit(0).removesuffix("0")

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        if method != "GET" and method != "HEAD":
            return self._pass_or_invalidate(environ, start_response)
        if self._exempt is not None and self._exempt(environ):
            return self._bypass(environ, start_response)
        if _is_beyond_caches(environ) or (key := self._key_of(environ)) is None:
            return self._bypass(environ, start_response)
        variants, started = self._store.lookup(key)
        entries = variants.select(apply_vary_hooks(self._vary, environ) if self._vary else environ)
        if entries and "HTTP_CACHE_CONTROL" not in environ and "HTTP_PRAGMA" not in environ:
            # A short cut for nearly all hits; decide() would decide the same.
            entry = entries[0]
            now = self._time()
            is_fresh = entry.fresh_from <= now < entry.fresh_until
            if is_fresh and entry.span is None and self._store.is_current(entry):
                return self._serve_fresh(entry, environ, start_response, now)
        request = Request(environ, key, self._vary)
        return Deliberation(self._parts, request, start_response, variants, started).run(
            self._spawn, self._collapse_seconds
        )

    def purge(
        self,
        *,
        urls: Iterable[str] = (),
        prefixes: Iterable[str] = (),
        groups: Iterable[str] = (),
    ) -> bool:
        """Drop the stored responses of URLs, of all below prefixes, and of groups (`Purge`).

        Like `drop_groups`, it also keeps out what was requested before. False if the store could
        not be reached; then it is told later, and this process serves nothing of it meanwhile.
        Raises `ValueError` for what is not an absolute URL.
        """
        return self._store.drop(Purge(urls, prefixes, groups).names(self._keys))

    def drop_groups(self, names: Iterable[str]) -> None:
        """Drop the stored responses of these groups, of whatever origin (RFC 9875).

        Responses to requests that started before this call are not stored either.
        """
        self._store.drop(names)

    def _serve_fresh(
        self, entry: Entry, environ: Environ, start_response: StartResponse, now: float
    ) -> Iterable[bytes]:
        status, headers, pieces = reply(entry, environ)
        age = int(now - entry.born)
        text = f"{self._hit}{entry.lifetime - age}"
        environ[STATUS_KEY] = text
        headers = [*headers, ("Age", str(age) if age > 0 else "0")]
        if self._send_status:
            headers.append(("Cache-Status", text))
        start_response(status, headers)
        return pieces

    def _pass_or_invalidate(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        if self._purge_requests is not None and environ["REQUEST_METHOD"] == "PURGE":
            environ[STATUS_KEY] = f"{self._parts.status.name}; detail=purge"
            return self._purge_requests.answer(environ, start_response, self._store, self._keys)
        uri = None
        if environ["REQUEST_METHOD"] not in SAFE_METHODS:
            uri = self._keys.uri(environ, to_store=False)
        if uri is None:
            return self._bypass(environ, start_response)
        environ[STATUS_KEY] = self._parts.status.forward("method")
        return UnsafeRequest(self._parts, environ, uri, start_response).run()

    def _bypass(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ[STATUS_KEY] = self._parts.status.forward("bypass")
        return self._app(environ, start_response)


def _is_beyond_caches(environ: Environ) -> bool:
    """Return whether only the application can answer the request.

    Caches do not evaluate If-Match and If-Unmodified-Since (RFC 9111 section 4.3.2), and
    the content of a GET is not part of the key.
    """
    return (
        "HTTP_UPGRADE" in environ
        or "HTTP_IF_MATCH" in environ
        or "HTTP_IF_UNMODIFIED_SINCE" in environ
        or "HTTP_TRANSFER_ENCODING" in environ
        or environ.get("CONTENT_LENGTH", "") not in {"", "0"}
    )


def _start_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="cache-revalidation", daemon=True).start()
