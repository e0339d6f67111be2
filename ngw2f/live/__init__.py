"""Live updates: from the event log to whoever listens, by whatever transport.

- `log.py`: the event log in Redis, which all processes share; `entry.py` is one event in it
- `reader.py` reads it once for each process, into `hub.py`, which delivers to all who listen;
  `recent.py` remembers the newest events
- `subscription.py`: one client's place in the stream, and what it gets when it comes back;
  `feed.py`: the bytes that clients with the same choice share
- `access.py`: who may see an event; `choice.py`: who wants to; `liveness.py`: who still reads
- `formats.py`, `page.py`, `plain.py`: an event for programs, for pages, for people with telnet
- `presence.py`, `attendance.py`, `typing.py`: who is there, and who types
- `cache_groups.py`: which cached answers an event invalidates

The transports themselves are in ngw2f/web/ and ngw2f/socketio/.
"""
