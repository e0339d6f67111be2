"""Commands: createdb, runserver PORT; for the tests there is python -m unittest discover."""

import sys

from werkzeug import run_simple

from .flack import models
from .flack.flack import application


def main(command: str, port: str = "8000") -> None:
    models.create_tables()
    if command == "runserver":
        run_simple("127.0.0.1", int(port), application)


if __name__ == "__main__":
    main(*sys.argv[1:])
