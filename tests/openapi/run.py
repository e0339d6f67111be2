"""Run schemathesis over a chat of its own: `python -m tests.openapi.run --seeds 3`.

Each seed runs signed in and signed out, with all checks; `schemathesis.toml` says what is left
out, and why.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.client import PASSWORD
from tests.server.server import ROOT, Server, run_server

EXAMPLES = 50


def run(
    address: str,
    seed: int,
    examples: int,
    user: str = "",
    *options: str,
) -> subprocess.CompletedProcess[str]:
    """Ask the chat at an address all that its description allows, and what it does not."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "run"]
    command += [f"{address}/api/openapi.json", f"--seed={seed}"]
    command += [f"--max-examples={examples}", "--continue-on-failure", "--no-color", *options]
    environ = os.environ | {"CHAT_USER": user, "CHAT_RUN": f"{seed}{'i' if user else 'o'}"}
    # Without it, each request looks through the environment for proxies, twice.
    environ["no_proxy"] = "127.0.0.1"
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )


def sign_up(server: Server, nickname: str) -> str:
    """Return a new user's nickname and password."""
    server.join(nickname)
    return f"{nickname}:{PASSWORD}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    asked = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with run_server(directory / "var") as server:
            for seed in range(1, asked.seeds + 1):
                for who in ("signed out", "signed in"):
                    user = sign_up(server, f"ann{seed}") if who == "signed in" else ""
                    done = run(server.address, seed, asked.examples, user)
                    sys.stdout.write(
                        f"== seed {seed}, {who}: {done.returncode}\n{done.stdout}{done.stderr}"
                    )
                    failed += done.returncode != 0
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
