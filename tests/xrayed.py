"""Run the suite with X-ray: `TESTS_XRAY=1 pytest tests/ngw2f` records each request of each chat.

What tests see must be what they see without, byte for byte, and a sound chain must have no fault.
"""

import os

import msgspec

from app import create_application
from middleware.xray import XRayMiddleware, lint
from ngw2f.server.service import Service
from ngw2f.settings import Settings
from tests.answers import Noting

IS_ON = bool(os.environ.get("TESTS_XRAY"))
KEY = "0123456789abcdef"
# The machine may be slow.
SLOW_SECONDS = 60


def build_recorded(settings: Settings) -> Service:
    """Return a chat of which each request is recorded, and none is shown to anybody."""
    if settings.has_xray:
        return create_application(settings)
    service = create_application(msgspec.structs.replace(settings, xray_key=KEY))
    shown = service._chain
    assert isinstance(shown, XRayMiddleware)
    shown.plain, shown.recorder.when = shown.app, None
    return service


def faults_of(service: Service) -> list[str]:
    """Name the faults of the last requests."""
    shown = service._chain
    if isinstance(shown, Noting):
        shown = shown.app
    if not isinstance(shown, XRayMiddleware):
        return []
    traces = [trace for trace in list(shown.recorder.traces) if trace.visits]
    return [
        f"{trace.method} {trace.path}: {fault}"
        for trace in traces
        for fault in lint(trace, slow_seconds=SLOW_SECONDS)
    ]
