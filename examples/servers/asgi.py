"""The same for an event loop, with ASGI: uvicorn asgi:application.

Still a callable that takes a dictionary. It answers through `send`, and others may run only at
each `await`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

work = import_module("work")  # beside this file
visit = asyncio.Event()


async def application(
    scope: dict[str, Any],
    _receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    # Servers also offer startup and shutdown events. This ignores them.
    assert scope["type"] == "http"
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": work.now("begun"), "more_body": True})
    await act(scope["path"], float(scope["query_string"] or 0))
    await send({"type": "http.response.body", "body": work.now("done")})


async def act(path: str, seconds: float) -> None:
    match path:
        case "/":
            # Waiting requests continue, and later ones wait for the next visit.
            visit.set()
            visit.clear()
        case "/wait-for-visit":
            await visit.wait()
        case "/wait":
            await asyncio.sleep(seconds)
        case "/wait-without-await":
            time.sleep(seconds)
        case "/compute":
            work.compute(seconds)
        case "/compute-in-thread":
            await asyncio.to_thread(work.compute, seconds)
