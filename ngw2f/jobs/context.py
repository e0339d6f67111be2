"""What the jobs work with, made once and shared by the forks of the process that made it."""

import threading
from collections.abc import Callable, Container
from contextvars import ContextVar
from dataclasses import dataclass, field

from redis import Redis

from ngw2f.broker.connection import connect
from ngw2f.broker.follow_ups import FollowUps
from ngw2f.core import Core, build_core
from ngw2f.jobs.outbox import Outbox
from ngw2f.jobs.pictures import Pictures
from ngw2f.jobs.wakeup import LINKS, RENDER, WakeUp
from ngw2f.links.fetching import Fetching
from ngw2f.links.outbox import LinkOutbox
from ngw2f.observe.history import History
from ngw2f.settings import Settings
from ngw2f.text.markdown import MarkdownRenderer


@dataclass(frozen=True, slots=True)
class JobContext:
    """The core of one chat, and what the jobs add to it. Nothing opens before its first use."""

    core: Core
    # Waits for RQ's jobs, hence without a time-out.
    redis: Redis
    wakeup: WakeUp
    outbox: Outbox
    link_wakeup: WakeUp
    link_outbox: LinkOutbox
    fetching: Fetching
    pictures: Pictures
    markdown: MarkdownRenderer
    history: History
    # Where jobs note what they do for requests that are recorded; None: no request is.
    follow_ups: FollowUps | None = None
    # Fetches links in another process and returns how many; None: this process fetches them.
    call_fetch_process: Callable[[threading.Event], int] | None = None
    # Set when the worker must stop, for jobs that run long.
    stopping: threading.Event = field(default_factory=threading.Event)

    def wake_again(self, queues: Container[str]) -> None:
        """Wake workers for the outboxes of *queues*, even if nothing waits there."""
        for wakeup in (self.wakeup, self.link_wakeup):
            if wakeup.queue_name in queues:
                wakeup.wake_again()

    def close(self) -> None:
        self.outbox.close()
        self.fetching.close()
        self.pictures.close()
        self.link_outbox.close()
        self.redis.close()
        self.core.close()


# RQ calls a job by its name and passes it nothing but what was queued; the worker that runs
# it sets this. A supervisor does so before it forks its workers.
current_context: ContextVar[JobContext] = ContextVar("current_context")


def inherit_context(settings: Settings) -> JobContext:
    """Return the context that this process was forked with, or another if the settings changed."""
    known = current_context.get(None)
    return known if known and known.core.settings == settings else build_context(settings)


def build_context(settings: Settings) -> JobContext:
    core = build_core(settings, is_for_jobs=True)
    database, events = core.database, core.events
    follow_ups = FollowUps(core.broker) if settings.has_xray else None
    link_outbox = LinkOutbox(database, events, settings.data_path, follow_ups)
    fetching, stopping = Fetching(settings, link_outbox.note), threading.Event()
    return JobContext(
        core=core,
        redis=connect(settings),
        wakeup=WakeUp(core.broker, RENDER),
        outbox=Outbox(database, events, settings.data_path),
        link_wakeup=WakeUp(core.broker, LINKS),
        link_outbox=link_outbox,
        fetching=fetching,
        pictures=Pictures(core, fetching, stopping),
        markdown=MarkdownRenderer(),
        history=History(core.broker),
        follow_ups=follow_ups,
        stopping=stopping,
    )
