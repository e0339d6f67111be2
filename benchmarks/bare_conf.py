"""gunicorn.conf.py's settings without its hooks, for an application that has none.

What the hook `post_worker_init` does to gunicorn itself stays: responses are written by
ngw2f/server/gunicorn_response.py here too, unless BENCHMARK_RESPONSE is "gunicorn".
"""

import os
import runpy

from ngw2f.server.gunicorn_response import use_own_response

_settings = runpy.run_path("gunicorn.conf.py")
for _name in (
    "worker_class",
    "worker_connections",
    "keepalive",
    "control_socket_disable",
    "secure_scheme_headers",
):
    globals()[_name] = _settings[_name]


def post_worker_init(_worker: object) -> None:
    if os.environ.get("BENCHMARK_RESPONSE") != "gunicorn":
        use_own_response()
