"""A greenlet for each listener: thousands, instead of four threads."""

workers = 2
worker_class = "gevent"
# nginx reuses its connections; gunicorn keeps them open for this many seconds.
keepalive = 5
# Listeners would delay a stop by half a minute; other requests have time to finish.
graceful_timeout = 2
