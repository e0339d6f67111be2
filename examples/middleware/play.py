"""Serve the chat with an editable chain around it: python -m examples.middleware.play [PORT].

The chain is `layers` in playground.py: the one in the current directory, or else the one beside
this file. It is reloaded when it changes; if that or a layer fails, the page says why.
Below it are the chat's own layers. /playground shows all of them, and switches each off and on.
"""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from wsgiref.types import WSGIApplication

from examples.middleware.edited import EditedChain, what_went_wrong
from examples.middleware.panel import PREFIX, Panel
from examples.middleware.runs import Runs
from examples.middleware.switches import Switches
from middleware.chain import Layer, chain
from middleware.cross_origin import CrossOriginGuardMiddleware
from middleware.error_boundary import ErrorBoundaryMiddleware
from middleware.prerouting import Mount, PreRoutingMiddleware
from middleware.security import SecurityHeadersMiddleware

NAME = "playground.py"


def with_panel(edited: EditedChain, runs: Runs) -> WSGIApplication:
    """Mount the page beside the chain."""
    layers = [
        Layer("security headers", SecurityHeadersMiddleware, "neither scripts nor frames"),
        Layer("errors", lambda app: ErrorBoundaryMiddleware(app, page=what_went_wrong), "why"),
        Layer("guard", CrossOriginGuardMiddleware, "no other site switches a layer"),
    ]
    panel = chain(layers, Panel(edited, runs))
    return PreRoutingMiddleware(edited, [Mount(PREFIX, panel)])


def playground_path() -> Path:
    here = Path(NAME)
    return here.absolute() if here.exists() else Path(__file__).with_name(NAME)


def __getattr__(name: str) -> object:
    """Build the application only in the server that uses it: it opens the chat's database."""
    if name != "application":
        raise AttributeError(name)
    import app
    from ngw2f.chat import Chat
    from ngw2f.server.service import Service

    services = app.application.services
    own = [
        layer._replace(name=f"chat: {layer.name}")
        for layer in app.layers(services.core.settings, services)
    ]
    folder = services.core.settings.data_path
    switches, chat = Switches(folder / "switches"), Chat(services)
    edited = EditedChain(playground_path(), chat, switches, own)
    return Service(services, with_panel(edited, Runs(folder / "runs.json")), chat.route_of)


def main() -> int:
    address = f"127.0.0.1:{sys.argv[1] if len(sys.argv) > 1 else 8000}"
    print(f"Edit {playground_path()}, and reload http://{address}/", flush=True)
    print(f"Switch its layers off and on at http://{address}{PREFIX}", flush=True)
    # gunicorn uses the first named application, so this one instead of the chat's own.
    command = [sys.executable, "-m", "ngw2f", "serve", "examples.middleware.play:application"]
    with tempfile.TemporaryDirectory(prefix="playground-") as directory:
        bind = {"NGW2F_DATA_DIR": directory, "GUNICORN_CMD_ARGS": f"--bind={address}"}
        environ = {**os.environ, **bind}
        server = subprocess.Popen(command, env=environ)
        # Stopping this stops the server; then the folder is removed.
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        try:
            return server.wait()
        except KeyboardInterrupt:
            return server.wait()


if __name__ == "__main__":
    sys.exit(main())
