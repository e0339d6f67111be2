"""How each server is started with an application, and what it needs to be there."""

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.distributions import ROOT

# Against hanging, however slow the machine is.
SECONDS = 60
APACHE_MODULES = Path("/usr/lib/apache2/modules")
APACHE = shutil.which("apache2") or "/usr/sbin/apache2"
# What the test's application imports, for the Python that Apache has.
IMPORTED = ["limits", "packaging", "wrapt", "deprecated", "typing_extensions.py"]
WSGIREF = """
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

make_server("127.0.0.1", port, application, Server).serve_forever()
"""
WERKZEUG = """
from werkzeug.serving import run_simple

run_simple("127.0.0.1", port, application, threaded=True)
"""
HTTPD = """
ServerRoot "{place}"
ServerName localhost
PidFile "{place}/pid"
DefaultRuntimeDir "{place}"
Listen 127.0.0.1:{port}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule wsgi_module {modules}/mod_wsgi.so
ErrorLog "{place}/error.log"
{user}
WSGISocketPrefix "{place}/socket"
WSGIDaemonProcess tested threads=8 python-path="{place}/code"
WSGIProcessGroup tested
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias / "{place}/tested.wsgi"
<Directory "{place}">
    Require all granted
</Directory>
"""


class LackingServerError(Exception):
    """A server is not installed: what it is, and how to get it."""

    def __init__(self, what: str, install: str) -> None:
        super().__init__(f"{what}: {install}")
        self.what = what
        self.install = install


def _gunicorn(worker: str) -> Callable[[str, int, Path], list[str]]:
    def command(application: str, port: int, place: Path) -> list[str]:
        # Not with the configuration of the chat, which is in the folder.
        options = ["--config", os.devnull, "--worker-class", worker, "--no-control-socket"]
        options += ["--bind", f"127.0.0.1:{port}"]
        options += ["--threads", "4"] if worker == "gthread" else []
        return [sys.executable, "-m", "gunicorn", *options, application]

    return command


def _by_module(name: str, *options: str) -> Callable[[str, int, Path], list[str]]:
    def command(application: str, port: int, place: Path) -> list[str]:
        if importlib.util.find_spec(name) is None:
            raise LackingServerError(name, f"pip install {name}")
        filled = [option.format(port=port) for option in options]
        return [sys.executable, "-m", name, *filled, application]

    return command


def _by_program(program: str) -> Callable[[str, int, Path], list[str]]:
    def command(application: str, port: int, place: Path) -> list[str]:
        module, _, name = application.partition(":")
        begin = f"port = {port}\nfrom {module} import {name} as application\n"
        return [sys.executable, "-c", begin + program]

    return command


def _uwsgi(application: str, port: int, place: Path) -> list[str]:
    program = shutil.which("uwsgi", path=str(Path(sys.executable).parent))
    if program is None:
        raise LackingServerError("uWSGI", "pip install pyuwsgi")
    module = ["--module", application, "--need-app", "--die-on-term", "--threads", "4"]
    return [program, "--http-socket", f"127.0.0.1:{port}", *module]


def _mod_wsgi(application: str, port: int, place: Path) -> list[str]:
    if not (APACHE_MODULES / "mod_wsgi.so").exists():
        needed = "apt-get install apache2-bin libapache2-mod-wsgi-py3"
        raise LackingServerError("Apache with mod_wsgi", needed)
    # Its processes are another user's, who may not read a checkout or an environment.
    code = place / "code"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "middleware", code / "middleware", ignore=ignored)
    for name in IMPORTED:
        _copy_installed(name, code)
    module, _, attribute = application.partition(":")
    path = Path(*module.split(".")).with_suffix(".py")
    (code / path).parent.mkdir(parents=True)
    for package in path.parents[:-1]:
        (code / package / "__init__.py").touch()
    shutil.copy(ROOT / path, code / path)
    (place / "tested.wsgi").write_text(
        f"import os\nos.environ['SIGNALS'] = {str(place)!r}\n"
        f"from {module} import {attribute} as application\n"
    )
    user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
    text = HTTPD.format(place=place, port=port, modules=APACHE_MODULES, user=user)
    (place / "httpd.conf").write_text(text)
    return [APACHE, "-f", str(place / "httpd.conf"), "-D", "FOREGROUND"]


def _copy_installed(name: str, code: Path) -> None:
    spec = importlib.util.find_spec(name.removesuffix(".py"))
    if spec is None or spec.origin is None:
        return
    path = Path(spec.origin)
    if name.endswith(".py"):
        shutil.copy(path, code)
    else:
        shutil.copytree(path.parent, code / name, ignore=shutil.ignore_patterns("__pycache__"))


SERVERS: dict[str, Callable[[str, int, Path], list[str]]] = {
    "gunicorn sync": _gunicorn("sync"),
    "gunicorn gthread": _gunicorn("gthread"),
    "gunicorn gevent": _gunicorn("gevent"),
    "gunicorn tornado": _gunicorn("tornado"),
    "waitress": _by_module("waitress", "--listen=127.0.0.1:{port}"),
    "wsgiref": _by_program(WSGIREF),
    "werkzeug": _by_program(WERKZEUG),
    "cheroot": _by_module("cheroot", "--bind", "127.0.0.1:{port}"),
    "uwsgi": _uwsgi,
    "granian": _by_module(
        "granian", "--interface", "wsgi", "--no-ws", "--host", "127.0.0.1", "--port", "{port}",
        "--blocking-threads", "4",
    ),
    "mod_wsgi": _mod_wsgi,
}  # fmt: skip


@contextlib.contextmanager
def serving(name: str, application: str, port: int, place: Path) -> Iterator[int]:
    """Run a server in *place* until the block ends, and give its process id.

    *place* is where the application notes things, too: its environment names it in SIGNALS.
    """
    environ = {**os.environ, "SIGNALS": str(place), "PYTHONPATH": str(ROOT)}
    command = SERVERS[name](application, port, place)
    log = place / "log"
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + SECONDS
        while not listens(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield process.pid
    finally:
        process.terminate()
        process.wait(SECONDS)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
