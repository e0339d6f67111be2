import subprocess
import sys
from importlib import import_module

import pytest

from ngw2f.broker.no_asyncio import leave_asyncio_out

# What a web process and the jobs load of both libraries.
LOADED = """
import sys
from ngw2f.broker.no_asyncio import leave_asyncio_out

leave_asyncio_out()
import ngw2f.broker.limits, ngw2f.broker.sentinel, ngw2f.jobs.worker

for name, module in sys.modules.items():
    if name.startswith(("redis.asyncio", "limits.aio")):
        print(name, getattr(module, "__file__", None))
"""


def test_libraries_load_without_them() -> None:
    loaded = subprocess.check_output([sys.executable, "-c", LOADED], text=True).splitlines()
    assert {line.partition(" ")[2] for line in loaded} == {"None"}


def test_absent_module_has_classes_of_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    count = len(sys.meta_path)
    leave_asyncio_out()
    leave_asyncio_out()
    assert len(sys.meta_path) == count + 1
    name = "limits.aio.never_there"
    try:
        module = import_module(name)
        anything = module.Anything
        assert isinstance(anything(), anything)
        assert not hasattr(module, "__anything__")
    finally:
        sys.modules.pop(name, None)
        # The parent, which the test's process has loaded, holds it too.
        monkeypatch.delattr("limits.aio.never_there", raising=False)
