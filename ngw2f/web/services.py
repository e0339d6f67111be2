"""What the endpoints work with, built once for each chat."""

from dataclasses import dataclass

from ngw2f.actions.all import Actions, build_actions
from ngw2f.broker.limits import Limits
from ngw2f.core import Core, build_core
from ngw2f.live.attendance import Attendance
from ngw2f.live.cache_groups import groups_of
from ngw2f.live.hub import Hub
from ngw2f.live.nicknames import Nicknames
from ngw2f.live.presence import Presence
from ngw2f.observe.history import History
from ngw2f.observe.logs import GatheringHandler
from ngw2f.observe.meter import RequestMeter
from ngw2f.settings import Settings
from ngw2f.web.live_markup import LivePages
from ngw2f.web.message_cache import MessageCache
from ngw2f.web.templates import Templates


@dataclass(frozen=True, slots=True)
class Services:
    """The core of one chat, and what the web adds to it."""

    core: Core
    actions: Actions
    log: GatheringHandler
    hub: Hub
    presence: Presence
    attendance: Attendance
    meter: RequestMeter
    history: History
    templates: Templates
    live_pages: LivePages
    message_cache: MessageCache

    def close(self) -> None:
        self.hub.stop()
        self.meter.flush()
        self.core.close()


def build_services(settings: Settings) -> Services:
    core = build_core(settings)
    broker, clock = core.broker, core.clock
    presence = Presence(broker)
    attendance = Attendance(presence, core.database, core.events)
    limits = Limits(broker, is_on=settings.rate_limit)
    hub = Hub(settings, core.database, core.events)
    # An event that another host publishes makes the cached answers of this one old.
    hub.listen(
        lambda entry: clock.drop(groups_of(entry.name, entry.data, entry.room_id, entry.user_id))
    )
    nicknames = Nicknames(core.database)
    hub.listen(nicknames.note)
    templates = Templates()
    return Services(
        core=core,
        actions=build_actions(core, limits, attendance),
        log=GatheringHandler(settings.log_format),
        hub=hub,
        presence=presence,
        attendance=attendance,
        meter=RequestMeter(broker),
        history=History(broker),
        templates=templates,
        live_pages=LivePages(templates, nicknames, core.database),
        message_cache=MessageCache(),
    )
