"""What each chat compiles or reads for itself, done once for all the chats of a process of pytest.

The map of 130 rules, two templates, and the version of redis-py: none depends on the chat's
settings, and together they take nine tenths of the time in which one is built. The statements of
SQL would be compiled anew for each engine, which takes a tenth of the time of a test. The static
files of an nginx would be compressed for each, which takes half of the time of its start.
"""

from collections.abc import Iterator
from functools import cache, partial
from types import CodeType
from typing import Any

import pytest
import redis.utils
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from sqlalchemy import create_engine
from sqlalchemy.util import LRUCache
from werkzeug.routing import Map, MapAdapter, Rule
from whitenoise.compress import Compressor

from ngw2f.routes import build_url_map
from ngw2f.web.socketio import SocketIOGateway

MAX_STATEMENTS = 5_000
NOBODY = SocketIOGateway.__new__(SocketIOGateway)


class CompiledTemplates(BytecodeCache):
    """A cache of Jinja2, in memory, for each source and each language."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._compiled.get(_key_of(bucket))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[_key_of(bucket)] = bucket.code


def _key_of(bucket: Bucket) -> tuple[str, str, str]:
    return bucket.key, bucket.checksum, str(bucket.environment.globals["language"])


class CompiledStatements(LRUCache[Any, Any]):
    """SQLAlchemy's own cache, but a key has the dialect's class instead of an engine's dialect."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((type(key[0]), *key[1:]), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__((type(key[0]), *key[1:]), compiled)


class ChatMap:
    """The map of a chat: the one of all chats, but for the endpoint that is its own."""

    def __init__(self, gateway: SocketIOGateway) -> None:
        self._gateway = gateway

    def iter_rules(self) -> Iterator[Rule]:
        return _url_map().iter_rules()

    def bind(self, name: str) -> MapAdapter:
        return ChatAdapter(_url_map().bind(name), self._gateway)


class ChatAdapter(MapAdapter):
    """Finds the chat's own gateway where the rule is nobody's."""

    def __init__(self, bound: MapAdapter, gateway: SocketIOGateway) -> None:
        vars(self).update(vars(bound))
        self._gateway = gateway

    def match(self, *arguments: Any, **options: Any) -> Any:
        found, values = super().match(*arguments, **options)
        return (self._gateway.serve if found == NOBODY.serve else found), values


@cache
def _url_map() -> Map:
    return build_url_map(NOBODY)


def compile_once(patch: pytest.MonkeyPatch) -> None:
    """Let chats share these from now on."""
    patch.setattr("ngw2f.chat.build_url_map", ChatMap)
    with_cache = partial(Environment, bytecode_cache=CompiledTemplates())
    patch.setattr("ngw2f.web.templates.Environment", with_cache)
    options = {"compiled_cache": CompiledStatements(MAX_STATEMENTS)}
    with_statements = partial(create_engine, execution_options=options)
    patch.setattr("ngw2f.store.database.create_engine", with_statements)
    patch.setattr(redis.utils, "get_lib_version", cache(redis.utils.get_lib_version))
    for name in ("compress_gzip", "compress_brotli"):
        patch.setattr(Compressor, name, staticmethod(cache(getattr(Compressor, name))))
