"""One process: another one would not know its tasks."""

workers = 1
worker_class = "gthread"
threads = 4
# nginx reuses its connections; gunicorn keeps them open for this many seconds.
keepalive = 5
