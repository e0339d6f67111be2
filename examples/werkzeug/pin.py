"""Print the PIN of `python mistake.py`, without asking it: python pin.py."""

import sys
from importlib import import_module

from werkzeug.debug import get_pin_and_cookie_name

mistake = import_module("mistake")  # beside this file
# There it is the started program, whose name is part of the PIN.
mistake.application.__module__ = "__main__"
sys.modules["__main__"] = mistake
print(get_pin_and_cookie_name(mistake.application)[0])
