"""The containers, as far as they can be judged without an engine."""

from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
# What only root in its image can do, and has given up.
OURS = ["web1", "web2", "worker"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_asked_how_it_is(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", SERVICES)
def test_nobody_starts_before_what_it_needs_is_well(name: str) -> None:
    needed = SERVICES[name].get("depends_on", {})
    assert [each["condition"] for each in needed.values()] == ["service_healthy"] * len(needed)
    assert set(needed) <= set(SERVICES)


@pytest.mark.parametrize("name", OURS)
def test_the_chat_is_not_root(name: str) -> None:
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert "\nUSER ngw2f\n" in (ROOT / "deploy" / "Dockerfile").read_text()


def test_nothing_but_what_the_images_copy_is_sent() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line[1:] for line in lines if line.startswith("!")}
    assert lines[lines.index("*") - 1].startswith("#")
    copied = set()
    for name in ("Dockerfile", "Dockerfile.nginx"):
        for line in (ROOT / "deploy" / name).read_text().splitlines():
            if line.startswith("COPY "):
                copied |= {path.split("/")[0] for path in line.split()[1:-1]}
    assert sent == copied
    assert all((ROOT / path).exists() for path in sent)


def test_healthcheck_asks_for_a_file_that_is_there() -> None:
    (address,) = [part for part in SERVICES["nginx"]["healthcheck"]["test"] if "://" in part]
    assert (ROOT / "ngw2f" / address.removeprefix("https://localhost/")).exists()
