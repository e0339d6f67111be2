"""Decide about a request before the application: mount, redirect, rewrite, refuse, split."""

from middleware.prerouting.health import Health
from middleware.prerouting.maintenance import FileSwitch, Maintenance
from middleware.prerouting.method_override import MethodOverride
from middleware.prerouting.mount import Mount, MountHost
from middleware.prerouting.redirect import Redirect
from middleware.prerouting.rewrite import Rewrite
from middleware.prerouting.routing import PreRoutingMiddleware, Rule
from middleware.prerouting.split import Split
from middleware.prerouting.versions import Versions

__all__ = [
    "FileSwitch",
    "Health",
    "Maintenance",
    "MethodOverride",
    "Mount",
    "MountHost",
    "PreRoutingMiddleware",
    "Redirect",
    "Rewrite",
    "Rule",
    "Split",
    "Versions",
]
