"""What a web worker may open: a connection takes a descriptor.

The master imports this before it forks: nothing here may import what gevent has to patch.
"""

import resource

# gunicorn's 1,000 would let the thousand-and-first stream wait for another's end.
WORKER_CONNECTIONS = 20_000
# Beside its clients a worker has connections to database and broker, files, a log.
OTHER_DESCRIPTORS = 256


def raise_limit(connections: int) -> int:
    """Let this process and its children open what so many connections take.

    Returns how many they may have, which is less where the hard limit is lower.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_DESCRIPTORS
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return possible_connections(connections)


def possible_connections(connections: int) -> int:
    """Return how many of so many connections the hard limit allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        return connections
    return max(1, min(connections, hard - OTHER_DESCRIPTORS))
