"""One application, behind each cache as its own documentation sets it up.

It needs nothing of this project but for the caches that are ours: it runs in an environment of its
own. The query says what the response is: `h` a field of it, `sleep` seconds, `fail` the number of
the first call that ends in a 500. A body begins with the number of the calls of its path.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

BODY = "x" * 4096
SECONDS = 60
Fields = list[tuple[str, str]]

calls: Counter[str] = Counter()


def respond(
    method: str, path: str, query: str, if_none_match: str | None
) -> tuple[str, Fields, bytes]:
    """Return status, fields and content."""
    if path.startswith("/calls"):
        content = str(calls[path.removeprefix("/calls")]).encode()
        return (
            "200 OK",
            [("Cache-Control", "no-store"), ("Content-Length", str(len(content)))],
            content,
        )
    options = parse_qsl(query)
    if method != "POST":
        calls[path] += 1
    named = dict(options)
    time.sleep(float(named.get("sleep", 0)))
    fields = [("Content-Type", "text/plain")]
    fields += [(n, v) for key, pair in options if key == "h" for n, _, v in [pair.partition(":")]]
    content = f"{calls[path]:08}{BODY}".encode()
    if calls[path] >= int(named.get("fail", 1_000_000)):
        return "500 Internal Server Error", [("Content-Length", "4")], b"oops"
    etag = dict(fields).get("ETag")
    if etag is not None and etag == if_none_match:
        return "304 Not Modified", fields, b""
    return "200 OK", [*fields, ("Content-Length", str(len(content)))], content


def bare(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    method = environ["REQUEST_METHOD"]
    status, fields, content = respond(
        method, environ["PATH_INFO"], environ["QUERY_STRING"], environ.get("HTTP_IF_NONE_MATCH")
    )
    start_response(status, fields)
    return [] if method == "HEAD" else [content]


def memory() -> Any:
    from middleware.cache import HTTPCacheMiddleware

    return HTTPCacheMiddleware(bare)


def redis() -> Any:
    import redis as client

    from middleware.cache import HTTPCacheMiddleware, RedisStore

    connection = client.Redis(unix_socket_path=os.environ["REDIS_SOCKET"])
    return HTTPCacheMiddleware(bare, store=RedisStore(connection))


def flask(*, is_cached: bool = False) -> Any:
    from flask import Flask, Response, request

    app = Flask(__name__)

    def view(path: str) -> Any:
        status, fields, content = respond(
            request.method,
            f"/{path}",
            request.query_string.decode(),
            request.headers.get("If-None-Match"),
        )
        return Response(content, status, fields)

    if is_cached:
        from flask_caching import Cache

        cache = Cache(app, config={"CACHE_TYPE": "SimpleCache"})
        # Not for other methods: its decorator would answer a POST, too.
        stored = cache.cached(timeout=SECONDS, query_string=True)(view)
        app.route("/<path:path>", methods=["GET"])(stored)
        app.route("/<path:path>", methods=["POST"], endpoint="post")(view)
    else:
        app.route("/<path:path>", methods=["GET", "POST"])(view)
    return app


def flask_caching() -> Any:
    return flask(is_cached=True)


def django(*, is_cached: bool = False) -> Any:
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, HttpResponse
    from django.urls import re_path

    def view(request: HttpRequest) -> HttpResponse:
        status, fields, content = respond(
            str(request.method),
            request.path,
            request.META["QUERY_STRING"],
            request.headers.get("If-None-Match"),
        )
        return HttpResponse(content, status=int(status[:3]), headers=dict(fields))

    before = ["django.middleware.cache.UpdateCacheMiddleware"] if is_cached else []
    after = ["django.middleware.cache.FetchFromCacheMiddleware"] if is_cached else []
    conditions = ["django.middleware.http.ConditionalGetMiddleware"]
    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=(re_path("", view),),
        CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
        CACHE_MIDDLEWARE_SECONDS=SECONDS,
        MIDDLEWARE=[*before, *conditions, *after],
    )
    return get_wsgi_application()


def django_cache() -> Any:
    return django(is_cached=True)


def beaker() -> Any:
    from beaker.cache import CacheManager

    cache = CacheManager(type="memory").get_cache("responses", expire=SECONDS)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "GET" or environ["PATH_INFO"].startswith("/calls"):
            return bare(environ, start_response)

        def make() -> tuple[str, Fields, bytes]:
            return respond("GET", environ["PATH_INFO"], environ["QUERY_STRING"], None)

        key = f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        status, fields, content = cache.get(key=key, createfunc=make)
        start_response(status, list(fields))
        return [content]

    return app


async def asgi(scope: dict[str, Any], receive: Any, send: Any) -> None:
    import asyncio

    if scope["type"] != "http":
        return
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    query = scope["query_string"].decode()
    await asyncio.sleep(float(dict(parse_qsl(query)).get("sleep", 0)))
    status, fields, content = respond(
        scope["method"],
        scope["path"],
        query.replace("sleep=", "slept="),
        headers.get("if-none-match"),
    )
    encoded = [(name.encode(), value.encode()) for name, value in fields]
    start = {"type": "http.response.start", "status": int(status[:3]), "headers": encoded}
    await send(start)
    await send(
        {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content}
    )


def hishel() -> Any:
    from hishel import AsyncSqliteStorage, CacheOptions
    from hishel.asgi import ASGICacheMiddleware

    storage = AsyncSqliteStorage(database_path=os.environ["HISHEL_DATABASE"])
    return ASGICacheMiddleware(asgi, storage, CacheOptions(shared=True))


# The one that the environment names.
if "APPLICATION" in os.environ:
    application: Any = globals()[os.environ["APPLICATION"]]
    if os.environ["APPLICATION"] not in {"bare", "asgi"}:
        application = application()
