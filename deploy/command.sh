#!/bin/sh
# .venv/bin/ngw2f of a checkout, put there by the Makefile.
set -eu
here=$(dirname "$(readlink -f "$0")")
root=$(dirname "$(dirname "$here")")
PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" exec "$here/python" -P -m ngw2f "$@"
