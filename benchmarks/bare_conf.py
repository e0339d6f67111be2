"""gunicorn.conf.py's settings without its hooks, for an application that has none."""

import runpy

_settings = runpy.run_path("gunicorn.conf.py")
for _name in ("worker_class", "worker_connections", "keepalive", "control_socket_disable"):
    globals()[_name] = _settings[_name]
