"""Describe a chain of middleware as one list, and build it.

A chain is a list of layers, the outermost first: the order in which a request runs through them::

    application = chain(
        [
            Layer("request id", RequestIDMiddleware, "everything below logs with it"),
            Layer("errors", ErrorBoundaryMiddleware, "outermost of what may fail"),
        ],
        app,
    )

Once built, nothing stands between two layers: each calls the next directly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias
from wsgiref.types import WSGIApplication

from middleware._wsgi import Middleware

Probe: TypeAlias = Callable[[str, WSGIApplication], WSGIApplication]

# The name under which a probe meets the application itself.
APPLICATION = "application"


class Layer(NamedTuple):
    """One place in the chain: its name, the middleware in it, and why it is there."""

    name: str
    factory: Middleware
    reason: str


def chain(
    layers: Sequence[Layer], app: WSGIApplication, probe: Probe | None = None
) -> WSGIApplication:
    """Wrap the application in the layers, the first of them outermost.

    `probe(name, app)` returns the application to use instead of `app`, which is the layer of that
    name with everything below it; `APPLICATION` names the innermost. So a probe can observe the
    calls of each layer, and of the application.
    Raises `ValueError` if two layers have the same name.
    """
    check_names(layers)
    if probe is not None:
        app = probe(APPLICATION, app)
    for layer in reversed(layers):
        app = layer.factory(app)
        if probe is not None:
            app = probe(layer.name, app)
    return app


def check_names(layers: Iterable[Layer]) -> None:
    """Raise `ValueError` if two layers have the same name."""
    seen = {APPLICATION}
    for layer in layers:
        if layer.name in seen:
            raise ValueError(f"two layers are named {layer.name!r}")
        seen.add(layer.name)


def insert_before(layers: Sequence[Layer], name: str, new: Layer) -> list[Layer]:
    """Copy the list with a new layer just outside the named one."""
    place = index_of(layers, name)
    return [*layers[:place], new, *layers[place:]]


def insert_after(layers: Sequence[Layer], name: str, new: Layer) -> list[Layer]:
    """Copy the list with a new layer just inside the named one."""
    place = index_of(layers, name) + 1
    return [*layers[:place], new, *layers[place:]]


def without(layers: Sequence[Layer], name: str) -> list[Layer]:
    """Copy the list without the named layer."""
    place = index_of(layers, name)
    return [*layers[:place], *layers[place + 1 :]]


def index_of(layers: Sequence[Layer], name: str) -> int:
    """Find a layer by its name; raise `ValueError` if there is none."""
    for place, layer in enumerate(layers):
        if layer.name == name:
            return place
    raise ValueError(f"no layer is named {name!r}")
