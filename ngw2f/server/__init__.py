"""What makes gunicorn ours, and what it starts beside its workers.

- `hooks.py`: what gunicorn's hooks do, from the first check to a worker's end; `precheck.py`
- `gevent_worker.py`: how a web worker serves, drains and stops; `web_worker.py`: how it is made
- `gunicorn_request.py`, `request_body.py`, `refusals.py`, `turnstile.py`: a request comes in
- `gunicorn_response.py`, `chunk_writer.py`, `unsent.py`: an answer goes out
- `service.py`: the chat that such a worker calls
- `embedded.py` starts the supervisor and replaces it; `supervisor.py` keeps Valkey and the
  workers of jobs running; `valkey.py` says which, and when
- `reload_guard.py`, `reload_trial.py`: SIGHUP; `renewal.py`: a hot upgrade; `systemd.py`
- `xray.py`, `xray_of_server.py`, `telemetry.py`: X-ray, where it is on
"""
