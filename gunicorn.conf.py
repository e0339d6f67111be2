"""gunicorn's settings and server hooks.

Settings that are gunicorn's defaults are not here: address (127.0.0.1:8000) by
`--bind`, web workers by `--workers` or WEB_CONCURRENCY (one gevent worker holds
thousands of clients). Every hook that gunicorn has is here, in the order of a
server's life; those that have nothing to do only log at the debug level.
"""

import sys

from ngw2f.broker.unused_parts import leave_unused_out
from ngw2f.commands.processes import run_here
from ngw2f.forks import open_standard
from ngw2f.links.settings import build_policy
from ngw2f.observe.metrics.files import begin_anew, fold_dead
from ngw2f.server import hooks
from ngw2f.server.descriptors import WORKER_CONNECTIONS
from ngw2f.server.gunicorn_response import use_own_response
from ngw2f.server.reload_guard import guard_reload
from ngw2f.server.systemd import Systemd, watch_master
from ngw2f.settings import SettingError, former_settings, load_settings, unknown_variables

open_standard()
leave_unused_out()
try:
    settings = load_settings()
    build_policy(settings)
except SettingError as error:
    sys.exit(f"ngw2f: {error}")

# Streams stay open for hours: a greenlet each, not a thread or a process.
# With gunicorn's own gevent worker, an application cannot end its streams.
worker_class = "ngw2f.server.web_worker.WebWorker"
# For each listening socket; reduced to what descriptors allow, see when_ready.
worker_connections = WORKER_CONNECTIONS
# How many connections may wait to be accepted, if net.core.somaxconn allows it. A full queue of
# a Unix socket refuses nginx at once, and 2,048 are too few when thousands reconnect.
backlog = 16_384
# No request takes long, and streams are ended when a worker stops: a worker that has not stopped
# by then hangs.
graceful_timeout = 10
# nginx keeps its connections for later requests; 2 seconds would close most of them unused.
keepalive = 15
# The control socket's server would run asyncio in the master, for a file that two
# servers of one user would share.
control_socket_disable = True
# The chain decides which proxy to trust; gunicorn would trust any local client.
secure_scheme_headers = {}


def on_starting(server):
    """Check the settings and migrate once, before any worker; start the embedded parts beside."""
    for name in unknown_variables():
        server.log.warning("%s is not a setting; it is ignored", name)
    for line in former_settings():
        server.log.warning("%s", line)
    hooks.check_start(settings)
    begin_anew(settings.metrics_path)
    server.embedded = hooks.start_embedded(settings, run_here)
    hooks.unblock_stop_signals_after_forks()
    server.reload_guard = guard_reload(server, Systemd())


def when_ready(server):
    """Log the address, and answer systemd's watchdog from now on."""
    hooks.fit_connections(server)
    hooks.keep_shared()
    watch_master(server, Systemd())
    server.log.info(hooks.describe(settings, server))


def pre_fork(server, worker):
    """Block stop signals until the worker has handlers for them."""
    hooks.block_stop_signals()
    server.log.debug("pre_fork: worker %d is about to be forked", worker.age)


def post_fork(server, worker):
    """Drop what belongs to the master: its lifeline and the embedded parts."""
    hooks.collect_nothing()
    server.reload_guard.forget()
    worker.embedded = server.embedded
    if server.embedded:
        server.embedded.forget()


def post_worker_init(worker):
    """Connect, count requests and listen: the application is loaded in this process."""
    hooks.dump_stacks_on(worker)
    use_own_response()
    hooks.wait_for_embedded(worker)
    worker.wsgi.start()
    hooks.shorten_pauses()
    hooks.unblock_stop_signals()


def pre_request(worker, request):
    worker.wsgi.begin(worker, request)


def post_request(worker, request, environ, response):
    worker.wsgi.end(request, environ, response)


def worker_int(worker):
    worker.log.debug("worker_int: worker %d was told to stop at once", worker.pid)


def worker_abort(worker):
    """Log the stacks of a worker that did not answer for `timeout` seconds."""
    hooks.log_stacks(worker)


def worker_exit(server, worker):
    """Save the worker's counters, and close its connections."""
    hooks.close(worker)


def child_exit(server, worker):
    """Keep the counters of a worker, even of a killed one, and drop its gauges."""
    fold_dead(settings.metrics_path)


def nworkers_changed(server, new_value, old_value):
    server.log.debug("nworkers_changed: from %s to %s", old_value, new_value)


def on_reload(server):
    hooks.fit_connections(server)
    server.log.debug("on_reload: what was checked and migrated before is loaded")


def pre_exec(server):
    """Pass this master's resources to the one that a hot upgrade (SIGUSR2) starts."""
    server.cfg.env_orig.update(Systemd().hand_over())
    if server.embedded:
        server.cfg.env_orig.update(server.embedded.hand_over())


def on_exit(server):
    """Stop the embedded parts after the last worker, unless another master uses them."""
    server.reload_guard.end()
    if not server.master_pid:
        Systemd().tell_end(server.reexec_pid)
    if server.embedded:
        server.embedded.stop(wait=not (server.reexec_pid or server.master_pid))


def ssl_context(config, default_ssl_context_factory):
    return default_ssl_context_factory()
