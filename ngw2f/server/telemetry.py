"""Send X-ray's recordings to an OpenTelemetry collector; needs the extra `otlp`."""

import re
from functools import partial
from typing import TYPE_CHECKING
from wsgiref.types import WSGIEnvironment

from ngw2f.settings import SettingError

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from middleware.xray.telemetry import Telemetry

# W3C Trace Context: version, trace, parent, flags, of which the last bit says "sampled".
TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f][13579bdf](-.*)?")


def is_sampled(environ: WSGIEnvironment) -> bool:
    """Say whether whoever sent the request records it, and so wants to see our part."""
    return TRACEPARENT.fullmatch(environ.get("HTTP_TRACEPARENT", "")) is not None


def build_telemetry(endpoint: str) -> "Telemetry":
    """Return what sends recordings to a collector. Raises `SettingError` without the extra."""
    try:
        from middleware.xray.telemetry import Telemetry
    except ImportError as error:
        reason = f"otlp_endpoint needs more: pip install 'ngw2f[otlp]' ({error})"
        raise SettingError(reason) from error
    return Telemetry(partial(tracer_to, endpoint))


def tracer_to(endpoint: str) -> "Tracer":
    """Return a tracer whose spans are sent in batches by a thread; under gevent, a greenlet."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "ngw2f"}))
    exporter = OTLPSpanExporter(endpoint=endpoint)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider.get_tracer("ngw2f.xray")
