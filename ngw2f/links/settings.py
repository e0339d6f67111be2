"""Where links may lead, as an operator's settings have it.

gunicorn's master checks this at the start, before it forks; so nothing here may import
what gevent has to patch in the workers first.
"""

from ngw2f.links.guard.policy import WEB_PORTS, Policy, parse_allow_list
from ngw2f.settings import SettingError, Settings


def build_policy(settings: Settings) -> Policy:
    """Return what the settings allow. Raises SettingError."""
    try:
        allow = parse_allow_list(settings.links_allow)
    except ValueError as error:
        raise SettingError(f"NGW2F_LINKS_ALLOW: {error}") from error
    return Policy(ports=WEB_PORTS | set(settings.links_ports), allow=allow)
