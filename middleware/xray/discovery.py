"""Put probes into a chain that is built already.

Middleware keeps the application that it wraps in an attribute; those known here are followed.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any
from wsgiref.types import WSGIApplication

from middleware.xray.names import name_of, unique
from middleware.xray.probe import Recorder

# Where middleware of this package, Werkzeug, WhiteNoise, Paste, Beaker and others keep it.
ATTRIBUTES = ("app", "application", "wrap_app", "wrapped_app", "_app", "_application", "wsgi_app")
MAX_LAYERS = 60


def probed(
    app: WSGIApplication, recorder: Recorder, names: Sequence[str] | None = None
) -> WSGIApplication:
    """Copy a chain with a probe before each layer; the chain itself stays as it is.

    `names`: of the layers, outermost first, and then of the application; if there are not as many
    as layers are found, or none are given, each is named after its class.

    A layer that is a plain function ends the search: it and all below it are the application.
    """
    found = layers_in(app)
    called = list(names or ())
    if len(called) != len(found):
        called = unique([name_of(layer) for layer, _ in found])
    innermost, _ = found[-1]
    inner = recorder.probe(called[-1], innermost)
    for name, (layer, attribute) in zip(reversed(called[:-1]), reversed(found[:-1]), strict=True):
        inner = recorder.probe(name, rewired(layer, getattr(layer, attribute), inner))
    inner.plain = app
    return inner


def layers_in(app: Any) -> list[tuple[Any, str]]:
    """List the layers, outermost first, each with the attribute that holds the next one."""
    found: list[tuple[Any, str]] = []
    while len(found) < MAX_LAYERS:
        attribute = attribute_of(app)
        found.append((app, attribute))
        if not attribute:
            break
        app = getattr(app, attribute)
    return [*found[:-1], (found[-1][0], "")]


def rewired(layer: Any, old: Any, new: WSGIApplication) -> Any:
    """Copy a layer so that it calls another application; and those of its parts that call it."""
    layer = copy.copy(layer)
    for name in attributes_of(layer, old):
        setattr(layer, name, new)
    for name, part in list(getattr(layer, "__dict__", {}).items()):
        held = [] if part is new else attributes_of(part, old)
        if held:
            part = copy.copy(part)
            for each in held:
                # A part may be frozen, as those of our cache are.
                object.__setattr__(part, each, new)
            setattr(layer, name, part)
    return layer


def attribute_of(layer: Any) -> str:
    """Return the attribute that holds the next layer; empty if none does."""
    held = getattr(layer, "__dict__", {})
    slots = [name for kind in type(layer).__mro__ for name in getattr(kind, "__slots__", ())]
    # Methods of the layer's own, such as Flask's wsgi_app, are in neither.
    names = [name for name in ATTRIBUTES if name in held or name in slots]
    return next((name for name in names if callable(getattr(layer, name, None))), "")


def attributes_of(layer: Any, inner: Any) -> list[str]:
    """List all attributes that hold the next layer: some middleware keeps it twice."""
    return [name for name in ATTRIBUTES if getattr(layer, name, None) is inner]
