"""Commands: createdb, runserver PORT, test."""

import sys
import unittest

from werkzeug import run_simple

from .flack import models
from .flack.flack import application


def main(command: str, port: str = "8000") -> None:
    if command == "createdb":
        models.create_tables()
    elif command == "runserver":
        models.create_tables()
        run_simple("127.0.0.1", int(port), application)
    elif command == "test":
        unittest.main(None, argv=["test", "discover", str(__package__), "-t", "."])


if __name__ == "__main__":
    main(*sys.argv[1:])
