"""How many listeners one server process can tell how much, how soon: `python -m benchmarks.fanout`.

The listeners are one program in C (load.c), compiled here. A server is sound at a
rate if every listener got all, half of it within P50 and 99 % within P99 (below).
The chat's events are made as posts make them: recorded in the database, published to
the log. The other servers get theirs by HTTP, a list of messages a request.

A peer is measured where it is installed: Node's Socket.IO in NODE_PATH, Flask-SocketIO
in the Python that FLASK_PYTHON names, Nchan in the module that NCHAN_MODULE names.
"""
