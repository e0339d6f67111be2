"""What the endpoints work with, put together once for each chat."""

from dataclasses import dataclass

from middleware.cache import SharedGroupClock
from ngw2f.broker.connection import Broker
from ngw2f.broker.limits import Limits
from ngw2f.broker.tries import WrongTries
from ngw2f.jobs.wakeup import RENDER, Bell
from ngw2f.live.attendance import Attendance
from ngw2f.live.groups import groups_of, open_group_clock
from ngw2f.live.hub import Hub
from ngw2f.live.log import EventLog
from ngw2f.live.presence import Presence
from ngw2f.live.typing import TypingNotices
from ngw2f.observe.logs import GatheringHandler
from ngw2f.observe.meter import RequestMeter
from ngw2f.observe.metrics.files import Recorder
from ngw2f.observe.metrics.tally import Tally
from ngw2f.passwords import Passwords
from ngw2f.settings import Settings
from ngw2f.store.database import Database
from ngw2f.web.fragments import MessageFragments
from ngw2f.web.templates import Templates


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one chat. None of them connects anywhere before its first use."""

    settings: Settings
    log: GatheringHandler
    database: Database
    broker: Broker
    # When which group of cached answers was dropped.
    clock: SharedGroupClock
    events: EventLog
    hub: Hub
    bell: Bell
    presence: Presence
    attendance: Attendance
    typing: TypingNotices
    meter: RequestMeter
    # What this process counts for /metrics, and where the others find it.
    tally: Tally
    recorder: Recorder
    passwords: Passwords
    templates: Templates
    fragments: MessageFragments
    # None: the limits are off.
    wrong_tries: WrongTries | None
    limits: Limits

    def close(self) -> None:
        self.hub.stop()
        self.meter.flush()
        self.recorder.close()
        self.broker.close()
        self.database.close()
        self.clock.close()


def build_services(settings: Settings) -> Services:
    broker = Broker(settings)
    tally = Tally()
    clock = open_group_clock(settings.data_path)
    database = Database(settings.sqlalchemy_url, settings.database_connections)
    events = EventLog(broker, database, clock, settings.stream_length, settings.max_stream_bytes)
    presence = Presence(broker)
    hub = Hub(settings, database, events)
    # What another host has told of makes the caches of this one old.
    hub.listen(lambda entry: clock.drop(groups_of(entry.name, entry.data, entry.room_id)))
    return Services(
        settings=settings,
        log=GatheringHandler(settings.log_format),
        database=database,
        broker=broker,
        clock=clock,
        events=events,
        hub=hub,
        bell=Bell(broker, RENDER),
        presence=presence,
        attendance=Attendance(presence, database, events),
        typing=TypingNotices(broker, events),
        meter=RequestMeter(broker),
        tally=tally,
        recorder=Recorder(settings.metrics_path, tally),
        passwords=Passwords(),
        templates=Templates(),
        fragments=MessageFragments(),
        wrong_tries=WrongTries(broker) if settings.rate_limit else None,
        limits=Limits(broker, is_on=settings.rate_limit),
    )
