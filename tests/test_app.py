"""What `import app` may do to the world around it: nothing."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

IMPORT = """
import os, sys

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# os.open() and open() alike say by flags what they open for.
EVENTS = {"os.mkdir", "os.rename", "os.remove", "os.symlink", "os.truncate", "socket.connect"}
done = []

def note(event, arguments):
    if event in EVENTS or (event == "open" and arguments[2] & WRITING):
        done.append((event, *map(str, arguments)))

sys.addaudithook(note)
import app
print(*done, end="")
"""


def test_import_changes_nothing(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NGW2F_")}
    environ |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", IMPORT]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert list(tmp_path.iterdir()) == []
