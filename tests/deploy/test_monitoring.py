"""The rules and the dashboard that are shipped, read by Prometheus' own tool."""

import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from ngw2f.observe.metrics import families
from ngw2f.observe.metrics.families import Family
from tests.needs import lacking

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS = DEPLOY / "alerts.yml"
DASHBOARD = DEPLOY / "grafana" / "ngw2f.json"
SUFFIXES = {
    "counter": ["_total"],
    "histogram": ["_bucket", "_count", "_sum"],
    "gauge_livesum": [""],
}


@pytest.fixture(scope="module")
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        lacking("promtool", "apt-get install prometheus")
    return found


def run(promtool: str, *arguments: str | Path) -> None:
    ended = subprocess.run([promtool, *arguments], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return found


def expressions() -> list[str]:
    targets = [target for panel in dashboard()["panels"] for target in panel["targets"]]
    return [
        target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")
        for target in targets
    ]


def test_rules_are_ones(promtool: str) -> None:
    run(promtool, "check", "rules", ALERTS)


def test_each_alert_fires_when_it_shall(promtool: str) -> None:
    run(promtool, "test", "rules", Path(__file__).parent / "alerts_test.yml")


def test_dashboard_asks_what_prometheus_understands(promtool: str, tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(expressions())
    ]
    # JSON is YAML.
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    run(promtool, "check", "rules", path)


def test_no_two_panels_are_in_one_place() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        is_beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        is_below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert is_beside or is_below, (one, other)
        assert one["x"] + one["w"] <= 24


def test_they_name_metrics_that_are_there(client: Any) -> None:
    declared = [family for family in vars(families).values() if isinstance(family, Family)]
    known = {family.name + suffix for family in declared for suffix in SUFFIXES[family.kind]}
    known |= set(re.findall(r"^(ngw2f_\w+)", client.get("/metrics").text, re.MULTILINE))
    for text in (ALERTS.read_text(), *expressions()):
        assert set(re.findall(r"\bngw2f_\w+", text)) <= known
