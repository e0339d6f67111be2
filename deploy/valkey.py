"""Valkey for the stack: the program in the wheel, with the options of the embedded one."""

import signal

from deploy.foundation import run_until_unused
from ngw2f.server.valkey import valkey_spec
from ngw2f.settings import Settings


def run(settings: Settings) -> None:
    spec = valkey_spec(settings)
    run_until_unused(spec.argv, settings.data_path, signal.SIGTERM, spec.prepare)
