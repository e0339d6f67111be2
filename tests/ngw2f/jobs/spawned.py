"""Children of a test that would be forks of a worker.

A test has databases open, which SQLite allows no fork to inherit, and threads. So its children
are new Pythons, which get their function pickled. POISON in a page kills who reads it.
"""

import pickle
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence

from ngw2f.broker.unused_parts import leave_unused_out
from ngw2f.links import visit
from tests.ngw2f.jobs.poisoned import read_or_die


class Spawned(subprocess.Popen[bytes]):
    """In the place of `ngw2f.forks.Fork`."""

    def __init__(
        self, run: Callable[[], None], _title: Sequence[str], descriptors: Collection[int] = ()
    ) -> None:
        super().__init__(
            [sys.executable, "-m", "tests.ngw2f.jobs.spawned", pickle.dumps(run).hex()],
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )


if __name__ == "__main__":
    # As a worker has done before it forks.
    leave_unused_out()
    visit.make_preview = read_or_die  # type: ignore[attr-defined] # where it is looked up
    pickle.loads(bytes.fromhex(sys.argv[1]))()
