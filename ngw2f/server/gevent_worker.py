"""gunicorn's gevent worker for an application with streams that never end by themselves.

gunicorn's own waits for its requests when it is told to stop, looks once a second,
and has no hook at that moment. This one, the moment it is told (SIGTERM, as in a
restart, a reload and a hot upgrade): stops to accept, drains the application, closes
the connections on which no request is under way, and ends when the last one has.
It also lets the master know when it begins to serve.

It serves HTTP/1 alone, and a connection that has switched to another protocol is never
read as HTTP again, nor written to (ngw2f/server/connection.py).
"""

import contextlib
import errno
import mmap
import select
import time
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import gevent
import gevent.event
from gevent import monkey
from gevent.pool import Pool
from gevent.server import StreamServer
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.sock import ssl_context
from gunicorn.workers.ggevent import GeventWorker
from werkzeug.exceptions import HTTPException

from middleware.rate_limit import client_address
from ngw2f.server.connection import SEND_SECONDS, Connection
from ngw2f.server.gunicorn_request import OwnRequest
from ngw2f.server.refusals import TOO_SLOW, refusal_of, written
from ngw2f.server.request_body import PacedUnreader
from ngw2f.server.turnstile import Turnstile
from ngw2f.server.unsent import Unsent

# What asks for it may end the worker if it has to wait; the answer takes no time. It comes
# over a connection of its own, or first.
HEALTH_PATH = "/healthz"
# gunicorn's master kills a worker that has not been heard of for `timeout` seconds.
NOTIFY_SECONDS = 1.0
# A connection that is idle when the worker stops has so long to bring its next request.
LAST_REQUEST_SECONDS = 0.5
POLL_SECONDS = 0.02
# How long requests that are cut off may take to clean up.
CUT_SECONDS = 1.0
# What says that the client has gone, or cannot be reached any more.
GONE = frozenset({
    errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.ECONNABORTED, errno.ETIMEDOUT,
    errno.EHOSTUNREACH, errno.ENETUNREACH,
})  # fmt: skip


class IdleTimeout(gevent.Timeout):  # type: ignore[misc] # gevent has no types
    """The limit of the wait for a connection's next request."""

    def __init__(self, seconds: float, idle: dict["IdleTimeout", gevent.Greenlet]) -> None:
        super().__init__(seconds, False)
        self._idle = idle

    def __enter__(self) -> Any:
        self._idle[self] = gevent.getcurrent()
        return super().__enter__()

    def __exit__(self, *exception: Any) -> Any:
        del self._idle[self]
        return super().__exit__(*exception)


class ChatGeventWorker(GeventWorker):  # type: ignore[misc] # gunicorn has no types
    """A gevent worker that calls `drain()` of its application when it begins to stop."""

    # None while it boots: told to stop then, it ends as soon as it is there.
    _stopping: gevent.event.Event | None = None

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        # The master makes this object, then forks: a byte of memory that both have.
        self._serving = mmap.mmap(-1, 1)
        self._servers: list[StreamServer] = []
        self._idle: dict[IdleTimeout, gevent.Greenlet] = {}
        self._clients: WeakKeyDictionary[gevent.Greenlet, Any] = WeakKeyDictionary()
        self._turnstile = Turnstile()
        self._unsent = Unsent()

    @property
    def is_serving(self) -> bool:
        """Say whether it has begun to accept, in the worker and in its master."""
        return self._serving[0] == 1

    def run(self) -> None:
        stopping = self._stopping = gevent.event.Event()
        servers = self._servers = [self._serve(listener) for listener in self.sockets]
        self._serving[0] = 1
        while self.alive:
            self.notify()
            stopping.wait(NOTIFY_SECONDS)
        for server in servers:
            server.close()
        self._drain()
        self._wait_for(servers)

    def handle_exit(self, sig: int, frame: object) -> None:
        super().handle_exit(sig, frame)
        if self._stopping is not None:
            # A signal's handler may run in the middle of anything.
            gevent.spawn(self._stopping.set)

    def cut_off(self) -> None:
        """Take no more requests, and end those under way: what they need is about to be closed."""
        self.alive = False
        for server in self._servers:
            server.close()
        idle = {greenlet: timeout for timeout, greenlet in self._idle.items()}
        for greenlet, timeout in idle.items():
            gevent.kill(greenlet, timeout)
        busy = [greenlet for greenlet in list(self._clients) if greenlet not in idle]
        gevent.killall(busy, timeout=CUT_SECONDS)

    def handle(self, listener: Any, client: Any, address: Any) -> None:
        """Serve a connection until one of the two ends it."""
        # It has the default of the process, which an application may have changed.
        client.setblocking(True)
        wait_turn = partial(self._turnstile.go_through, _who_is_at(address))
        connection = Connection(client, wait_turn, self._unsent)
        self._clients[gevent.getcurrent()] = connection
        try:
            self._serve_requests(listener.getsockname(), connection, address)
        except (StopIteration, NoMoreData) as ending:
            self.log.debug("The connection ends: %r", ending)
        except OSError as error:
            if error.errno not in GONE and not isinstance(error, TimeoutError):
                self.log.exception("A connection failed")
        except Exception as error:
            self.handle_error(None, connection, address, error)
        finally:
            connection.close()

    def _serve_requests(self, listener_name: Any, connection: Connection, address: Any) -> None:
        unreader = PacedUnreader(connection)
        connection.take_buffered = unreader.take_buffered
        proxy: dict[str, Any] = {}
        number = 0
        while not connection.has_switched:
            number += 1
            unreader.begin_head()
            request = None
            with self.timeout_ctx():
                request = OwnRequest(self.cfg, unreader, address, number)
            if request is None:
                self._give_up(unreader, connection)
                return
            if number > 1 or request.path != HEALTH_PATH:
                connection.wait_turn()
            # A proxy says who its client is once, for all requests of a connection.
            proxy = request.proxy_protocol_info = request.proxy_protocol_info or proxy
            try:
                self.handle_request(listener_name, request, connection, address)
                if not self.cfg.keepalive:
                    return
                _drain(request)
            finally:
                connection.lingers = request.rest() > 0 or unreader.has_more

    def _give_up(self, unreader: PacedUnreader, connection: Connection) -> None:
        """Answer a request that has begun, and has not come in time."""
        if unreader.has_begun:
            self._refuse(connection, *TOO_SLOW)

    def _refuse(self, connection: Connection, status: int, detail: str) -> None:
        connection.lingers = True
        connection.settimeout(SEND_SECONDS)
        with contextlib.suppress(OSError):
            connection.sendall(written(status, detail))

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what is no request, or what failed without an answer; log no value of it."""
        refusal = refusal_of(exc)
        if refusal is None:
            self.log.error("A request failed without an answer", exc_info=exc)
            refusal = (500, "something went wrong on our side, and has been logged")
        else:
            address = addr[0] if addr else ""
            self.log.warning("Invalid request from ip=%s: %s", address, refusal[1])
        self._refuse(client, *refusal)

    def timeout_ctx(self) -> IdleTimeout:
        return IdleTimeout(self.cfg.keepalive, self._idle)

    def handle_request(self, listener: Any, request: Any, client: Any, address: Any) -> None:
        super().handle_request(listener, request, client, address)
        if not self.alive and not _is_readable(client):
            # gunicorn ends the connection. The response before may not have said so; a
            # request that came since is answered, and its response says it.
            raise StopIteration

    def _serve(self, listener: Any) -> StreamServer:
        listener.setblocking(True)
        options = {"ssl_context": ssl_context(self.cfg)} if self.cfg.is_ssl else {}
        pool = Pool(self.worker_connections)
        server = StreamServer(listener, partial(self.handle, listener), spawn=pool, **options)
        if self.cfg.workers > 1:
            # Leave connections that come at once to the other workers too.
            server.max_accept = 1
        server.start()
        return server

    def _drain(self) -> None:
        drain = getattr(self.wsgi, "drain", None)
        if drain is not None:
            drain()
        gevent.sleep(LAST_REQUEST_SECONDS)

    def _close_idle(self) -> None:
        """Close the connections whose next request is not on its way."""
        for timeout, greenlet in list(self._idle.items()):
            client = self._clients.get(greenlet)
            if client is None or not _is_readable(client):
                gevent.kill(greenlet, timeout)

    def _wait_for(self, servers: list[StreamServer]) -> None:
        deadline = time.monotonic() + self.cfg.graceful_timeout
        while any(len(server.pool) for server in servers):
            if time.monotonic() > deadline:
                self.log.warning("Worker graceful timeout (pid:%s)", self.pid)
                for server in servers:
                    server.stop(timeout=1)
                return
            self.notify()
            self._close_idle()
            gevent.sleep(POLL_SECONDS)


def _who_is_at(address: Any) -> str:
    """Return for whom a connection takes its turn; all that come over a Unix socket are one."""
    return client_address({"REMOTE_ADDR": address[0]}) or "" if address else ""


def _drain(request: OwnRequest) -> None:
    """Read what is left of a body that nobody read. Raises StopIteration if that fails."""
    try:
        request.drain()
    except (HTTPException, ParseException, OSError) as error:
        raise StopIteration from error


def _is_readable(client: Any) -> bool:
    poll = monkey.get_original("select", "poll")()
    poll.register(client.fileno(), select.POLLIN)
    return bool(poll.poll(0))
