"""How many connections a web worker may have: each takes a file descriptor.

The master imports this before it forks: nothing here may import what gevent has to patch.
"""

import resource

# With gunicorn's 1,000, stream 1,001 would wait for another to end.
WORKER_CONNECTIONS = 20_000
# For connections to the database and the broker, for files and the log.
OTHER_DESCRIPTORS = 256


def raise_limit(connections: int) -> int:
    """Raise the soft limit of descriptors, for this process and its children, to fit *connections*.

    Returns how many connections fit: fewer if the hard limit is lower.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + OTHER_DESCRIPTORS
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return possible_connections(connections)


def possible_connections(connections: int) -> int:
    """Return how many of *connections* the hard limit allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        return connections
    return max(1, min(connections, hard - OTHER_DESCRIPTORS))
