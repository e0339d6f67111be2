"""/metrics, for Prometheus and its like."""

from functools import partial

from ngw2f.http import Request, Response, problem
from ngw2f.web.late import GAUGES, METRICS_TEXT, load
from ngw2f.web.operators import is_operator
from ngw2f.web.services import Services

# Prometheus' text format; newer forms say no more of our metrics.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def show(services: Services, request: Request) -> Response:
    """Answer 403 without the metrics token, or where there is none, from another machine."""
    if not is_operator(services, request):
        raise problem(403, "requires the metrics token; without one, loopback only")
    core = services.core
    core.recorder.write()
    gauges = partial(load(GAUGES).read_gauges, core.database, core.broker)
    write_text = load(METRICS_TEXT).write_text
    text = write_text(core.settings.metrics_path, core.broker, gauges)
    response = Response(text, content_type=CONTENT_TYPE)
    response.headers["Cache-Control"] = "no-store"
    return response
