"""Every metric that the chat's processes count; text.py has those measured at the scrape."""

from dataclasses import dataclass
from typing import Literal

# A cache hit takes a tenth of a millisecond, a post a few, a password 50; a link may take 10 s.
SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """A metric, and the labels of its series."""

    # "gauge_livesum": the sum over living processes.
    kind: Literal["counter", "histogram", "gauge_livesum"]
    name: str
    about: str
    labels: tuple[str, ...] = ()


REQUESTS = Family(
    "counter", "ngw2f_requests", "Requests that have ended.", ("method", "route", "status")
)
REQUEST_SECONDS = Family(
    "histogram",
    "ngw2f_request_seconds",
    "From a request's head to the last byte of its answer; not of streams.",
    ("route",),
)
CACHE = Family(
    "counter",
    "ngw2f_cache_answers",
    "What the cache did: hit, or why it asked the application (RFC 9211).",
    ("outcome",),
)
STREAMS = Family("gauge_livesum", "ngw2f_streams", "Clients that follow the events.", ("form",))
DELIVERIES = Family("counter", "ngw2f_deliveries", "Events handed to clients that follow them.")
PROCESSES = Family("gauge_livesum", "ngw2f_processes", "Processes of this machine.", ("kind",))

JOBS = Family("counter", "ngw2f_jobs", "Jobs of RQ that have ended.", ("job", "outcome"))
JOB_SECONDS = Family("histogram", "ngw2f_job_seconds", "How long a job took.", ("job",))
RENDER_SECONDS = Family("histogram", "ngw2f_render_seconds", "Markdown to HTML, one message.")
FETCH_SECONDS = Family(
    "histogram", "ngw2f_fetch_seconds", "A link's fetch, and how it ended.", ("outcome",)
)
