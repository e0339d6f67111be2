"""A greeting, with Flask."""

import time
from pathlib import Path

from flask import Flask

application = Flask(__name__)


@application.get("/hello/<name>")
def hello(name: str) -> tuple[str, dict[str, str]]:
    return f"hello {name}\n", {"Content-Type": "text/plain"}


@application.get("/wait")
def wait() -> str:
    while not Path("enough").exists():
        time.sleep(0.01)
    return "waited\n"
