"""All actions, built once for each chat."""

from dataclasses import dataclass

from ngw2f.actions.accounts import Accounts
from ngw2f.actions.administration import Administration
from ngw2f.actions.directs import Directs
from ngw2f.actions.exports import Exports
from ngw2f.actions.files import Files
from ngw2f.actions.messages import Messages
from ngw2f.actions.reactions import Reactions
from ngw2f.actions.readings import Readings
from ngw2f.actions.rooms import Rooms
from ngw2f.actions.search import Search
from ngw2f.actions.sessions import Sessions
from ngw2f.actions.sign_in import SignIn
from ngw2f.actions.statistics import Statistics
from ngw2f.actions.tickets import Tickets
from ngw2f.broker.limits import Limits
from ngw2f.broker.tries import WrongTries
from ngw2f.core import Core
from ngw2f.jobs.wakeup import RENDER, WakeUp
from ngw2f.live.attendance import Attendance
from ngw2f.live.typing import TypingNotices
from ngw2f.passwords import Passwords


@dataclass(frozen=True, slots=True)
class Actions:
    """What a person or a program may do: each action checks whether this one may."""

    messages: Messages
    rooms: Rooms
    directs: Directs
    readings: Readings
    reactions: Reactions
    sign_in: SignIn
    sessions: Sessions
    tickets: Tickets
    accounts: Accounts
    administration: Administration
    search: Search
    exports: Exports
    files: Files
    statistics: Statistics


def build_actions(core: Core, limits: Limits, attendance: Attendance) -> Actions:
    wrong_tries = WrongTries(core.broker) if core.settings.rate_limit else None
    sessions = Sessions(core, limits, attendance)
    sign_in = SignIn(core, limits, Passwords(), wrong_tries)
    wakeup = WakeUp(core.broker, RENDER)
    return Actions(
        messages=Messages(core, limits, wakeup),
        rooms=Rooms(core, limits, TypingNotices(core.broker, core.events)),
        directs=Directs(core, limits),
        readings=Readings(core, limits),
        reactions=Reactions(core, limits),
        sign_in=sign_in,
        sessions=sessions,
        tickets=Tickets(core, limits, sessions),
        accounts=Accounts(core, limits, sign_in),
        administration=Administration(core, limits),
        search=Search(core),
        exports=Exports(core, limits),
        files=Files(core, limits, wakeup),
        statistics=Statistics(core),
    )
