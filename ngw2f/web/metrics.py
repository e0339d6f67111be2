"""/metrics, for Prometheus and its like."""

from functools import partial

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from ngw2f.http import Request, Response, problem
from ngw2f.jobs.gauges import read_gauges
from ngw2f.observe.metrics.text import write_text
from ngw2f.web.operators import is_operator
from ngw2f.web.services import Services

# Newer forms say no more of our metrics.
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def show(services: Services, request: Request) -> Response:
    """Answer 403 without the metrics token, or where there is none, from another machine."""
    if not is_operator(services, request):
        raise problem(403, "requires the metrics token; without one, loopback only")
    core = services.core
    core.recorder.write()
    gauges = partial(read_gauges, core.database, core.broker)
    text = write_text(core.settings.metrics_path, core.broker, gauges)
    response = Response(text, content_type=CONTENT_TYPE)
    response.headers["Cache-Control"] = "no-store"
    return response
