# A sync worker that waits for what you type is not hung: by default it has 30 seconds.
# ruff: noqa: N999 (gunicorn looks for this name.)
timeout = 300
