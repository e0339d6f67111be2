"""A production server: processes for the processors, threads for waiting requests."""

workers = 2
worker_class = "gthread"
threads = 4
# nginx reuses its connections; gunicorn keeps them open for this many seconds.
keepalive = 5
