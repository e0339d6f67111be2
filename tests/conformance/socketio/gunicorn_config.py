"""gunicorn for a run of the suites; the command line gives address and number of workers."""

worker_class = "ngw2f.server.gevent_worker.ChatGeventWorker"
# Longer than the suites' pauses: a connection that the server closes just as the client
# uses it again would fail a test ("fetch failed").
keepalive = 30
loglevel = "warning"
