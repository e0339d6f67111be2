import gevent
import pytest

from ngw2f.service import Service
from tests.client import Client


def test_poll_that_does_not_wait_reads_what_was_missed(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.register("ann")
    hub = service.services.hub
    entries_after = hub.entries_after

    def read_from_afar(*arguments):
        gevent.sleep(0.05)  # As PostgreSQL's driver waits for its answer.
        return entries_after(*arguments)

    monkeypatch.setattr(hub, "entries_after", read_from_afar)
    answer = client.get("/api/events?after=0&wait=0", status=200).json
    assert [event["event"] for event in answer["events"]] == ["user.updated"]
    assert answer["next"] == answer["events"][-1]["id"]
