"""Notes with a mistake, under Werkzeug's development server: python mistake.py 8001."""

import sys

from werkzeug import Request, Response, run_simple

notes = ["tea at noon"]


@Request.application
def application(request: Request) -> Response:
    number = int(request.args.get("number", 1))
    # The mistake: there may be no such note.
    return Response(f"{notes[number - 1]}\n")


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), application, use_debugger=True)
