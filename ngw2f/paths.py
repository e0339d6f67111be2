"""Paths that several parts have to know; `routes.py` has all of them."""

# Their responses stay open, for hours or for as long as a poll waits. They are neither cached
# nor profiled, say nothing of how fast the chat is, and nginx does not buffer them
# (nginx/live.conf).
LONG_LIVED = ("/events", "/api/events", "/ws", "/socket.io/")
# What people uploaded. Sending one takes as long as its reader does, and no cache may store it.
FILES = "/files/"
