"""Hash passwords cheaply in each Python that has this folder on its PYTHONPATH.

With a migrated database in MIGRATED_SQLITE, a chat without one begins with a copy of it.

Tests start examples by the dozen; each hash takes a tenth of a second, and a migration several.
Nor do they load what no example uses, as the part of Celery beside this file.
Nothing is imported here that starts take time for: a module is changed when a program imports it.
"""

import os
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


def change_chat(module: "Any") -> None:
    is_current = module.is_current

    def copy_and_ask(settings: "Any") -> bool:
        migrated, path = os.environ.get("MIGRATED_SQLITE"), settings.data_path / "chat.sqlite3"
        if migrated and settings.data_path.is_dir() and not path.exists():
            path.touch(mode=0o600)
            with open(migrated, "rb") as file:
                path.write_bytes(file.read())
        return bool(is_current(settings))

    module.is_current = copy_and_ask


CHANGES = {
    "werkzeug.security": change_werkzeug,
    "argon2.profiles": change_argon2,
    "ngw2f.store.current": change_chat,
}

# redis-py loads it where it is installed, to measure what no example does.
sys.modules["opentelemetry.sdk.metrics"] = None  # type: ignore[assignment]


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
