"""One process of the standard library: python alone.py MODULE:NAME PORT."""

import importlib
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server


class QuietHandler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing; nginx does."""


def main() -> None:
    module, _, name = sys.argv[1].partition(":")
    # As in gunicorn: the current folder.
    sys.path.insert(0, ".")
    application = getattr(importlib.import_module(module), name)
    address = "127.0.0.1", int(sys.argv[2])
    make_server(*address, application, handler_class=QuietHandler).serve_forever()


if __name__ == "__main__":
    main()
