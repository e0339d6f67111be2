"""gunicorn's gevent worker, for an application whose streams never end by themselves.

On SIGTERM gunicorn's own worker waits for its requests, checks once a second, and has no
hook. This one, as soon as it gets the signal (in a restart, a reload, a hot upgrade),
stops accepting, drains the application, closes idle connections, and ends after the
last request.

It serves HTTP/1 only. A connection that has switched to another protocol is never read or
written as HTTP again (ngw2f/server/connection.py).
"""

import contextlib
import errno
import select
import time
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import gevent
import gevent.event
from gevent import events, monkey
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
from ngw2f.server.serving_worker import ServingWorker
from ngw2f.server.turnstile import Turnstile
from ngw2f.server.unsent import Unsent

# It does not wait for its turn: a health check that waits too long may have the worker killed,
# and the answer takes no time. Only the first request of a connection is exempt.
HEALTH_PATH = "/healthz"
# gunicorn's master kills a worker that is silent for `timeout` seconds.
NOTIFY_SECONDS = 1.0
# When the worker stops, an idle connection may send a next request for this long.
LAST_REQUEST_SECONDS = 0.5
POLL_SECONDS = 0.02
# How long interrupted requests may take to clean up.
CUT_SECONDS = 1.0
# Errors that mean that the client has gone or is unreachable.
GONE = frozenset({
    errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.ECONNABORTED, errno.ETIMEDOUT,
    errno.EHOSTUNREACH, errno.ENETUNREACH,
})  # fmt: skip


class IdleTimeout(gevent.Timeout):  # type: ignore[misc] # gevent has no types
    """Limits the wait for a connection's next request."""

    def __init__(self, seconds: float, idle: dict["IdleTimeout", gevent.Greenlet]) -> None:
        super().__init__(seconds, False)
        self._idle = idle

    def __enter__(self) -> Any:
        self._idle[self] = gevent.getcurrent()
        return super().__enter__()

    def __exit__(self, *exception: Any) -> Any:
        del self._idle[self]
        return super().__exit__(*exception)


class ChatGeventWorker(ServingWorker, GeventWorker):  # type: ignore[misc] # gunicorn has no types
    """A gevent worker that calls its application's `drain()` when it begins to stop."""

    # None while it boots; a stop signal then ends it right after booting.
    _stopping: gevent.event.Event | None = None

    def init_process(self) -> None:
        self._servers: list[StreamServer] = []
        self._idle: dict[IdleTimeout, gevent.Greenlet] = {}
        self._clients: WeakKeyDictionary[gevent.Greenlet, Any] = WeakKeyDictionary()
        self._turnstile = Turnstile()
        self._unsent = Unsent()
        super().init_process()

    def patch(self) -> None:
        # gevent looks 25 times for plugins, in all that is installed: a sixth of a second.
        events.notify_and_call_entry_points = events.notify
        super().patch()

    def run(self) -> None:
        # It would note for each greenlet which one spawned it, and where.
        gevent.config.track_greenlet_tree = False
        stopping = self._stopping = gevent.event.Event()
        servers = self._servers = [self._serve(listener) for listener in self.sockets]
        self.tell_serving()
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
            # A signal handler may run in the middle of anything.
            gevent.spawn(self._stopping.set)

    def cut_off(self) -> None:
        """Accept no more requests and end those under way, before what they need is closed."""
        self.alive = False
        for server in self._servers:
            server.close()
        idle = {greenlet: timeout for timeout, greenlet in self._idle.items()}
        for greenlet, timeout in idle.items():
            gevent.kill(greenlet, timeout)
        busy = [greenlet for greenlet in list(self._clients) if greenlet not in idle]
        gevent.killall(busy, timeout=CUT_SECONDS)

    def handle(self, listener: Any, client: Any, address: Any) -> None:
        """Serve a connection until either side ends it."""
        # An application may have changed the default of new sockets.
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
            # The PROXY protocol names the client once, for all requests of a connection.
            proxy = request.proxy_protocol_info = request.proxy_protocol_info or proxy
            try:
                self.handle_request(listener_name, request, connection, address)
                if not self.cfg.keepalive:
                    return
                _drain(request)
            finally:
                connection.lingers = request.rest() > 0 or unreader.has_more

    def _give_up(self, unreader: PacedUnreader, connection: Connection) -> None:
        """Answer 408 if a request has begun and did not arrive in time."""
        if unreader.has_begun:
            self._refuse(connection, *TOO_SLOW)

    def _refuse(self, connection: Connection, status: int, detail: str) -> None:
        connection.lingers = True
        connection.settimeout(SEND_SECONDS)
        with contextlib.suppress(OSError):
            connection.sendall(written(status, detail))

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer a malformed request, or one that failed unanswered; log none of its values."""
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
            # gunicorn then ends the connection, although the last response may not have
            # announced it. A request that is here already is answered first, and announces it.
            raise StopIteration

    def _serve(self, listener: Any) -> StreamServer:
        listener.setblocking(True)
        options = {"ssl_context": ssl_context(self.cfg)} if self.cfg.is_ssl else {}
        pool = Pool(self.worker_connections)
        server = StreamServer(listener, partial(self.handle, listener), spawn=pool, **options)
        if self.cfg.workers > 1:
            # Leave some of many simultaneous connections to the other workers.
            server.max_accept = 1
        server.start()
        return server

    def _drain(self) -> None:
        drain = getattr(self.wsgi, "drain", None)
        if drain is not None:
            drain()
        gevent.sleep(LAST_REQUEST_SECONDS)

    def _close_idle(self) -> None:
        """Close idle connections, except those whose next request is arriving."""
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
    """Return the key by which connections take turns; all of a Unix socket share one."""
    return client_address({"REMOTE_ADDR": address[0]}) or "" if address else ""


def _drain(request: OwnRequest) -> None:
    """Read the rest of an unread body. Raises StopIteration if that fails."""
    try:
        request.drain()
    except (HTTPException, ParseException, OSError) as error:
        raise StopIteration from error


def _is_readable(client: Any) -> bool:
    poll = monkey.get_original("select", "poll")()
    poll.register(client.fileno(), select.POLLIN)
    return bool(poll.poll(0))
