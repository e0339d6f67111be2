"""How many events one server process can deliver, and how fast: `python -m benchmarks.fanout`.

The listeners are one program in C (load.c), compiled here. A rate is sustained if every
listener gets every event, once, in order, 99 % of them within 100 ms. Each server's rate
is raised step by step until two steps in succession are not sustained; the servers take
turns, for several rounds. The chat's events are made like those of posts: recorded in the
database and published to the log, by a process beside the server. The other servers get
their events over HTTP, on one connection. The clock starts when an event is made, so the
time that it waits to be posted counts as well.

Other Socket.IO servers are installed for the run by npm and pip, if these are there; Nchan
is Debian's libnginx-mod-nchan. Besides times there are microseconds of CPU, which depend
less on how busy the machine is.

Then, for the chat alone: the cost of an idle client, the time from a post to the screens,
a client that never reads, clients that all reconnect at once, and how fast a worker with
many streams stops.
"""
