"""What each chat compiles or reads for itself, done once for all the chats of a process of pytest.

120 rules, two templates, and the version of redis-py: none depends on the chat's settings, and
together they take four fifths of the time in which one is built. The statements of SQL would be
compiled anew for each engine, which takes a tenth of the time of a test. The static files of an
nginx would be compressed for each, which takes half of the time of its start.
"""

from functools import cache, partial
from typing import Any

import pytest
import redis.utils
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from sqlalchemy import create_engine
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule
from werkzeug.routing.rules import RulePart
from whitenoise.compress import Compressor

MAX_STATEMENTS = 5_000


class CompiledTemplates(BytecodeCache):
    """Jinja2's own cache, in memory, for each language; it compares the source."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if compiled := self._compiled.get(_key_of(bucket)):
            bucket.bytecode_from_string(compiled)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[_key_of(bucket)] = bucket.bytecode_to_string()


def _key_of(bucket: Bucket) -> tuple[str, str]:
    return bucket.key, str(bucket.environment.globals["language"])


class CompiledStatements(LRUCache[Any, Any]):
    """SQLAlchemy's own cache, but a key has the dialect's class instead of an engine's dialect."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((type(key[0]), *key[1:]), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__((type(key[0]), *key[1:]), compiled)


def compile_once(patch: pytest.MonkeyPatch) -> None:
    """Let chats share these from now on."""
    parse_rule = Rule._parse_rule
    parsed: dict[tuple[str, object], tuple[list[RulePart], list[Any], dict[str, Any]]] = {}

    def find_parts(rule: Rule, path: str) -> list[RulePart]:
        # The one converter that is not Werkzeug's.
        key = path, rule.map.converters.get("id")
        if key not in parsed:
            # It adds to these while it parses.
            own = rule._trace, rule._converters
            rule._trace, rule._converters = [], {}
            parsed[key] = list(parse_rule(rule, path)), rule._trace, rule._converters
            rule._trace, rule._converters = own
        parts, trace, converters = parsed[key]
        rule._trace += trace
        rule._converters |= converters
        rule.arguments |= converters.keys()
        return parts

    patch.setattr(Rule, "_parse_rule", find_parts)
    with_cache = partial(Environment, bytecode_cache=CompiledTemplates())
    patch.setattr("ngw2f.web.templates.Environment", with_cache)
    options = {"compiled_cache": CompiledStatements(MAX_STATEMENTS)}
    with_statements = partial(create_engine, execution_options=options)
    patch.setattr("ngw2f.store.database.create_engine", with_statements)
    patch.setattr(redis.utils, "get_lib_version", cache(redis.utils.get_lib_version))
    for name in ("compress_gzip", "compress_brotli"):
        patch.setattr(Compressor, name, staticmethod(cache(getattr(Compressor, name))))
