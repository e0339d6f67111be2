import pytest

from ngw2f.links.settings import build_policy
from ngw2f.settings import SettingError, Settings


def test_web_ports_and_the_operators() -> None:
    assert build_policy(Settings(links_ports=[8080])).ports == {80, 443, 8080}


def test_allowed_hosts() -> None:
    policy = build_policy(Settings(links_allow=["localhost:8001", "[::1]:80"]))
    assert policy.allow == {("localhost", 8001), ("::1", 80)}


def test_wrong_entry_names_the_setting() -> None:
    with pytest.raises(SettingError, match=r"^NGW2F_LINKS_ALLOW: 'localhost' is not host:port$"):
        build_policy(Settings(links_allow=["localhost"]))
