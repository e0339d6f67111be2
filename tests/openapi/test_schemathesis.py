"""The running chat answers as its description says, to what that allows and to what it does not."""

import re
from collections.abc import Iterator

import pytest

from tests.openapi.run import run, sign_up
from tests.server.server import Server, run_server

SEED = 1
EXAMPLES = 2
# Its 1,500 cases are the same for both, and mostly a 401 for whoever is signed out.
WITHOUT_COVERAGE = "--phases=examples,fuzzing,stateful"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with run_server(tmp_path_factory.mktemp("openapi") / "var") as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("signed_in", [False, True], ids=["signed out", "signed in"])
def test_nothing_is_found(server: Server, signed_in: bool) -> None:
    user = sign_up(server, "ann") if signed_in else ""
    done = run(server.address, SEED, EXAMPLES, user, *[WITHOUT_COVERAGE][signed_in:])
    assert done.returncode == 0, done.stdout + done.stderr
    tested = re.search(r"Tested: (\d+)", done.stdout)
    assert tested is not None
    assert int(tested[1]) >= 28
    assert "Traceback" not in server.text
