"""Show a request's commands to Redis in its X-ray (`middleware/xray/`): names, never values."""

from collections.abc import Callable
from functools import partial
from typing import Any

from redis import Redis
from redis.client import Pipeline

from middleware.spans import span


def record_commands(*clients: Redis) -> None:
    """Make each command, and each pipeline, a span of the request that sends it."""
    for client in clients:
        # Of the client and not of its class, which other code in the process uses too.
        client.execute_command = partial(_execute, client.execute_command)  # type: ignore[method-assign]
        client.pipeline = partial(_pipeline, client.pipeline)  # type: ignore[method-assign]


def _execute(execute: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    with span("redis", _name_of(arguments)):
        return execute(*arguments, **options)


def _pipeline(make: Callable[..., Pipeline], *arguments: Any, **options: Any) -> Pipeline:
    pipeline = make(*arguments, **options)
    run = pipeline.execute

    def execute(*given: Any, **more: Any) -> Any:
        # redis-py lists what it sends.
        names = [_name_of(command[0]) for command in pipeline.command_stack]
        with span("redis", " ".join(dict.fromkeys(names))) as work:
            work.set(commands=len(names))
            return run(*given, **more)

    pipeline.execute = execute  # type: ignore[method-assign]
    return pipeline


def _name_of(arguments: tuple[Any, ...]) -> str:
    """Return a command's name, which may have two words in one argument."""
    name = arguments[0]
    return name.decode() if isinstance(name, bytes) else str(name)
