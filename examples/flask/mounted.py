"""Flask's notes beside the chat, under the same chain: python -m ngw2f serve mounted:application.

The chat's chain is a list. One more layer hands all that is below /flask to the other application;
request ids, the access log, security headers and the rate limit are around both.
"""

from functools import partial
from importlib import import_module

from app import application as chat
from app import layers
from middleware.chain import Layer, chain, insert_after
from middleware.prerouting import Mount, PreRoutingMiddleware
from ngw2f.chat import Chat
from ngw2f.server.service import Service

notes = import_module("notes")  # beside this file
mounts = partial(PreRoutingMiddleware, rules=[Mount("/flask", notes.application)])
mounted = insert_after(
    layers(chat.services.core.settings, chat.services),
    "cross-origin guard",
    Layer("mounts", mounts, "inside all that guards, outside what is the chat's alone"),
)
application = Service(chat.services, chain(mounted, Chat(chat.services)))
