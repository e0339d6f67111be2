"""A greenlet for each who listens: thousands of them, where threads would be four."""

workers = 2
worker_class = "gevent"
# nginx asks again over the connection that it has; gunicorn keeps it for so many seconds.
keepalive = 5
# Whoever listens would hold up a stop for half a minute; the others have time to finish.
graceful_timeout = 2
