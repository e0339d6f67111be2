"""What became of the links of requests that are recorded by X-ray."""

import os
import socket
import time
from collections.abc import Mapping, Sequence

from ngw2f.broker.follow_ups import Facts, FollowUp
from ngw2f.links.outcome import Visit
from ngw2f.store.events import Run
from ngw2f.store.previews import DuePreview


def follow_ups_of(
    visited: Sequence[tuple[DuePreview, Visit]],
    request_of_preview: Mapping[int, str],
    run: Run,
    request_of_event: Sequence[str],
) -> dict[str, list[FollowUp]]:
    """Return the results stored now and the events in `run`, for each request; no link's path."""
    now = time.time()
    found: dict[str, list[FollowUp]] = {}
    for due, visit in visited:
        facts: Facts = {"worker": f"{socket.gethostname()}:{os.getpid()}", "site": due.site}
        if visit.error is not None:
            facts["failed"] = type(visit.error).__name__
        stored = FollowUp("job", "link", now, 0.0, facts)
        found.setdefault(request_of_preview.get(due.id, ""), []).append(stored)
    for event, request_id in zip(run.events, request_of_event, strict=True):
        update = FollowUp("event", event.name, now, 0.0, {"id": event.id})
        found.setdefault(request_id, []).append(update)
    return found
