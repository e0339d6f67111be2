"""Build the link policy from the settings.

gunicorn's master checks it at startup, before it forks, so this module must not import what
gevent has to patch first in the workers.
"""

from ngw2f.links.guard.policy import WEB_PORTS, Policy, parse_allow_list
from ngw2f.settings import SettingError, Settings


def build_policy(settings: Settings) -> Policy:
    """Return the policy that the settings describe. Raises SettingError."""
    try:
        allow = parse_allow_list(settings.links_allow)
    except ValueError as error:
        raise SettingError(f"NGW2F_LINKS_ALLOW: {error}") from error
    return Policy(ports=WEB_PORTS | set(settings.links_ports), allow=allow)
