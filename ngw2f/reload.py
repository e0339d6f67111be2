"""SIGHUP, made safe: what cannot be loaded is not, and the old workers go on.

gunicorn's master reads its configuration into itself and ends if that fails; it ends as
well when a new worker fails to boot, with all of the old ones. So what is there now is
tried in processes of its own first: settings and application are loaded, the database
is migrated.
"""

import os
import subprocess
import sys
from typing import Any

from ngw2f import renewal

CHECK_SECONDS = 120


def guard_reload(server: Any) -> None:
    """Have gunicorn's master *server* reload only what can be loaded."""
    reload = server.handle_hup

    def handle_hup() -> None:
        if _passes(server):
            reload()
        else:
            server.log.error("reload refused (see above): the old workers go on as they are")
            renewal.tell(server.cfg.pidfile, renewal.REFUSED, os.getpid())

    # The master looks its handlers up by name; a configuration cannot give another class.
    server.handle_hup = handle_hup


def _passes(server: Any) -> bool:
    """Run gunicorn's own check of all that was given to the master, and the migration."""
    # By its name, also where it was started by its script: nothing hides it here.
    configuration = [sys.executable, "-m", "gunicorn", *sys.argv[1:], "--check-config"]
    migration = [sys.executable, "-m", "ngw2f", "migrate"]
    try:
        return not any(
            subprocess.call(command, cwd=server.START_CTX["cwd"], timeout=CHECK_SECONDS)
            for command in (configuration, migration)
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        server.log.error("reload: %s", error)
        return False
