"""An application inside Werkzeug's own middleware: gunicorn layers:application."""

from pathlib import Path

from werkzeug import Request, Response
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.middleware.shared_data import SharedDataMiddleware


@Request.application
def where(request: Request) -> Response:
    return Response(f"{request.remote_addr} asks {request.script_root!r} for {request.path!r}\n")


# Each wraps the previous one, so the last one is called first.
mounted = DispatcherMiddleware(where, {"/older": where})
with_files = SharedDataMiddleware(mounted, {"/files": str(Path(__file__).parent)})
# Trusts one proxy, which must exist. Without it, it trusts the client's claims.
application = ProxyFix(with_files, x_for=1)
