import pytest

from tests.parts import part_of

HEADERS = "tests/middleware/test_headers.py::test_set"
CASES = {
    "of middleware": (HEADERS, ["pytest"], ["monkeypatch"], "in_process"),
    "of middleware, with a program": (HEADERS, ["subprocess"], [], "programs"),
    "of Markdown in a browser": (
        "tests/ngw2f/text/test_browser.py::test_no_script_runs",
        ["sync_playwright"],
        [],
        "programs",
    ),
    "of a view": ("tests/ngw2f/web/test_rooms.py::test_list", [], ["client", "stage"], "stores"),
    "of a store": ("tests/ngw2f/store/test_users.py::test_find", [], ["valkey_url"], "stores"),
    "of a server": ("tests/server/test_life.py::test_start", [], [], "programs"),
}


@pytest.mark.parametrize(
    ("nodeid", "module_names", "fixture_names", "part"), CASES.values(), ids=CASES
)
def test_part(nodeid: str, module_names: list[str], fixture_names: list[str], part: str) -> None:
    assert part_of(nodeid, module_names, fixture_names) == part


def test_test_has_the_mark_of_its_part(request: pytest.FixtureRequest) -> None:
    parts = {"in_process", "stores", "programs"}
    assert [mark.name for mark in request.node.iter_markers() if mark.name in parts] == ["programs"]
