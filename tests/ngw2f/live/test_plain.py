import re

import pytest

from ngw2f.live.entry import Entry, EntryId
from ngw2f.live.plain import PlainText
from ngw2f.live.subscription import Subscription
from tests.ngw2f.live.conftest import Stage, read

CLOCK = re.compile(r"\[\d\d:\d\d:\d\d ")


@pytest.fixture
def listener(stage: Stage) -> Subscription:
    return stage.hub.subscribe(PlainText(stage.services.core.database))


def lines(stage: Stage, listener: Subscription) -> str:
    """Return what came, without the time of day."""
    stage.follow()
    return CLOCK.sub("[", read(listener))


def test_message_is_a_line(stage: Stage, listener: Subscription) -> None:
    stage.post(stage.user("ann"), "hello *world*")
    assert lines(stage, listener) == "[lobby] ann: hello *world*\n"


def test_further_lines_are_indented(stage: Stage, listener: Subscription) -> None:
    stage.post(stage.user("ann"), "one\ntwo")
    assert lines(stage, listener) == "[lobby] ann: one\n    two\n"


def test_edit_and_deletion_are_told(stage: Stage, listener: Subscription) -> None:
    ann = stage.user("ann")
    number = stage.post(ann, "helo")
    stage.services.actions.messages.edit(ann, number, "hello")
    stage.services.actions.messages.remove(ann, number)
    stage.services.actions.messages.restore(ann, number)
    told = lines(stage, listener).splitlines()
    assert told[1:] == ["[lobby] ann (changed): hello",
                        f"[lobby] ann has deleted message {number}",
                        "[lobby] ann (restored): hello"]  # fmt: skip


def test_rendering_is_nothing_to_read(stage: Stage) -> None:
    form = PlainText(stage.services.core.database)
    rendered = Entry(EntryId(5), "message.updated", b'{"id":1,"rendered":true}', 1)
    assert form.frame(rendered) == b""


def test_new_room_is_told(stage: Stage, listener: Subscription) -> None:
    stage.room(stage.user("ann"), "garden", private=False)
    assert lines(stage, listener) == "There is a new room: garden\n"


def test_users_and_typing_are_nothing_to_read(stage: Stage, listener: Subscription) -> None:
    stage.user("ann")
    assert lines(stage, listener) == ""


def test_unknown_author_has_a_mark(stage: Stage) -> None:
    form = PlainText(stage.services.core.database)
    gone = Entry(EntryId(5), "message.deleted", b'{"id":1,"room_id":1,"user_id":99}', 1)
    assert CLOCK.sub("[", form.frame(gone).decode()).startswith("[lobby] ? has")


def test_says_what_is_missing_and_when_it_stops(stage: Stage) -> None:
    form = PlainText(stage.services.core.database)
    assert form.resync(EntryId(5)) == b"(some messages are missing here)\n"
    assert form.farewell().endswith(b"come back in a moment)\n")
