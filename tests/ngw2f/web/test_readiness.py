"""What /readyz says of the workers."""

import pytest

from ngw2f.jobs import roll_call
from ngw2f.jobs.roll_call import RollCall


@pytest.fixture
def attend(service, monkeypatch):
    # However long it takes to ask.
    monkeypatch.setattr(roll_call, "ABSENT_SECONDS", 600)
    return lambda *queues: RollCall(service.services.broker).note(queues, "one")


def test_no_worker(client):
    answer = client.get("/readyz")
    assert answer.status_int == 503
    assert answer.json["workers"] == "no worker is there for render and links"


def test_one_queue_without_worker(client, attend):
    attend("render")
    assert client.get("/readyz").json["workers"] == "no worker is there for links"


def test_all_are_there(client, attend):
    attend("render", "links")
    answer = client.get("/readyz")
    assert answer.status_int == 200
    assert answer.json["workers"] == "ok"
