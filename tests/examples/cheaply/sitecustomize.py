"""Hash passwords cheaply in each Python that has this folder on its PYTHONPATH.

Tests start examples by the dozen, and each hash takes a tenth of a second. Nothing is imported
here that starts take time for: a module that hashes is changed when a program imports it.
"""

import sys

# `typing` would take longer than all else here.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any


def change_werkzeug(module: "Any") -> None:
    # With less of it, OpenSSL would refuse to work in the memory that Werkzeug allows.
    module.generate_password_hash.__defaults__ = ("scrypt:128:8:1", 16)


def change_argon2(module: "Any") -> None:
    module.RFC_9106_LOW_MEMORY = module.CHEAPEST


CHANGES = {"werkzeug.security": change_werkzeug, "argon2.profiles": change_argon2}


class Changed:
    """Finds these modules where all others are found, and changes them once they are loaded."""

    @classmethod
    def find_spec(
        cls, name: str, path: "Any" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        if name not in CHANGES:
            return None
        others = (finder for finder in sys.meta_path if finder is not cls)
        found = (finder.find_spec(name, path, target) for finder in others)
        spec = next(filter(None, found), None)
        if spec and spec.loader:
            load = spec.loader.exec_module

            def load_and_change(module: "ModuleType") -> None:
                load(module)
                CHANGES[name](module)

            spec.loader.exec_module = load_and_change  # type: ignore[method-assign]  # For this one.
        return spec


sys.meta_path.insert(0, Changed)
