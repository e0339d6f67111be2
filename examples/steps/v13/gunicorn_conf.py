"""One process: another would not know the tasks of this one."""

workers = 1
worker_class = "gthread"
threads = 4
# nginx asks again over the connection that it has; gunicorn keeps it for so many seconds.
keepalive = 5
