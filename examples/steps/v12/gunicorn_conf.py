"""A server for many: processes for the processors, threads for those who wait."""

workers = 2
worker_class = "gthread"
threads = 4
# nginx asks again over the connection that it has; gunicorn keeps it for so many seconds.
keepalive = 5
