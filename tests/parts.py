"""Three parts of the suite, by what a test needs. Each test gets the mark of its part.

* `in_process`: nothing but Python. `make test-quick` runs these.
* `stores`: a broker or a PostgreSQL, one for each worker of xdist, emptied for each test.
* `programs`: a server, a browser or another program that the test or its module starts.
"""

from collections.abc import Collection

# The others start servers. These see the code that they test, so coverage measures them.
IN_PROCESS_FOLDERS = ("tests/middleware/", "tests/ngw2f/")
# What a module uses that starts programs: its own, a browser, or those that try a reload.
STARTERS = {"subprocess", "running_redis", "sync_playwright", "guard_reload"}
STORES = {"valkey_url", "postgresql_url", "stage"}


def part_of(nodeid: str, module_names: Collection[str], fixture_names: Collection[str]) -> str:
    """Return the part of a test, by the names that its module has and the fixtures it uses."""
    if not nodeid.startswith(IN_PROCESS_FOLDERS) or not STARTERS.isdisjoint(module_names):
        return "programs"
    return "in_process" if STORES.isdisjoint(fixture_names) else "stores"
