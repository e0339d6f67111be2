"""The tests."""

import os
import sys

# A test that starts a server starts a handful of processes. Where they may not write compiled
# modules, each would compile all of them again, and so would each of pytest's workers.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
