"""What the jobs work with, made once for each worker process."""

import threading
from collections.abc import Callable, Container
from contextvars import ContextVar
from dataclasses import dataclass, field

from middleware.cache import SharedGroupClock
from ngw2f.broker.connection import Broker
from ngw2f.jobs.outbox import Outbox
from ngw2f.jobs.wakeup import LINKS, RENDER, Bell
from ngw2f.links.outbox import LinkOutbox
from ngw2f.links.preview.thumbnail import Thumbnailer
from ngw2f.links.visit import Visitor, build_fetcher
from ngw2f.live.groups import open_group_clock
from ngw2f.live.log import EventLog
from ngw2f.observe.metrics.files import Recorder
from ngw2f.observe.metrics.tally import Tally
from ngw2f.settings import Settings
from ngw2f.store.database import Database
from ngw2f.text.markdown import MarkdownRenderer


@dataclass(frozen=True, slots=True)
class Workshop:
    settings: Settings
    database: Database
    broker: Broker
    clock: SharedGroupClock
    events: EventLog
    bell: Bell
    outbox: Outbox
    link_bell: Bell
    link_outbox: LinkOutbox
    visitor: Visitor
    markdown: MarkdownRenderer
    # What this process counts for /metrics, and where the web processes find it.
    tally: Tally
    recorder: Recorder
    # How links are fetched by another process than this one; None: they are fetched here.
    call_deputy: Callable[[threading.Event], int] | None = None
    # Set when the worker is told to stop, for a job that would go on for long.
    stopping: threading.Event = field(default_factory=threading.Event)

    def ring_again(self, queues: Container[str]) -> None:
        """Call workers to the outboxes of *queues*, whether or not anything waits there."""
        for bell in (self.bell, self.link_bell):
            if bell.queue_name in queues:
                bell.ring_again()

    def close(self) -> None:
        self.recorder.close()
        self.outbox.close()
        self.visitor.close()
        self.link_outbox.close()
        self.broker.close()
        self.database.close()
        self.clock.close()


# RQ calls a job by its name and passes it nothing but what was queued; the worker
# that runs it leaves its workshop here.
current_workshop: ContextVar[Workshop] = ContextVar("current_workshop")


def build_workshop(settings: Settings) -> Workshop:
    broker = Broker(settings)
    tally = Tally()
    database = Database(settings.sqlalchemy_url, settings.database_connections)
    clock = open_group_clock(settings.data_path)
    events = EventLog(broker, database, clock, settings.stream_length, settings.max_stream_bytes)
    link_outbox = LinkOutbox(database, events, settings.data_path)
    return Workshop(
        settings=settings,
        database=database,
        broker=broker,
        clock=clock,
        events=events,
        bell=Bell(broker, RENDER),
        outbox=Outbox(database, events, settings.data_path),
        link_bell=Bell(broker, LINKS),
        link_outbox=link_outbox,
        visitor=Visitor(build_fetcher(settings), Thumbnailer(), link_outbox.note),
        markdown=MarkdownRenderer(),
        tally=tally,
        recorder=Recorder(settings.metrics_path, tally),
    )
