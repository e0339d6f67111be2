"""How many listeners one server process can tell how much, how soon: `python -m benchmarks.fanout`.

The listeners are one program in C (load.c), compiled here. A rate is sound if every
listener got every event, once, in order, 99 % of them within 100 ms. Each server's rate
is raised step by step until two steps in succession are not sound; the servers take turns,
for several rounds. The chat's events are made as posts make them: recorded in the
database, published to the log, by a process beside the server. The other servers get
theirs by HTTP, on one connection. The clock starts when an event is made, so one that
had to wait before it could be posted is late by that as well.

Other Socket.IO servers are installed for the run by npm and pip, where those are; Nchan
is Debian's libnginx-mod-nchan. Beside the figures of the clock stand microseconds of CPU,
which a busy machine changes less.

Then, of the chat alone: what an idle client costs, the time from a post to the screens,
a client that never reads, clients that all come back at once, and how soon a worker with
many streams ends.
"""
