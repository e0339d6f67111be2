"""What each chat compiles or reads for itself, done once for all the chats of a process of pytest.

48 rules, two templates, and the version of redis-py: none depends on the chat's settings, and
together they take four fifths of the time in which one is built.
"""

from collections.abc import Callable
from functools import cache, partial

import pytest
import redis.utils
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket
from werkzeug.routing import Rule


class CompiledTemplates(BytecodeCache):
    """Jinja2's own cache, in memory; it compares the source."""

    def __init__(self) -> None:
        self._compiled: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if compiled := self._compiled.get(bucket.key):
            bucket.bytecode_from_string(compiled)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key] = bucket.bytecode_to_string()


def compile_once(patch: pytest.MonkeyPatch) -> None:
    """Let chats share these from now on."""
    # How Werkzeug makes a rule's builder of URLs, which this project never calls.
    compile_builder = Rule._compile_builder
    builders: dict[tuple[str, bool], Callable[..., tuple[str, str]]] = {}

    def find_builder(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        key = rule.rule, append_unknown
        if key not in builders:
            builders[key] = compile_builder(rule, append_unknown)
        return builders[key]

    patch.setattr(Rule, "_compile_builder", find_builder)
    with_cache = partial(Environment, bytecode_cache=CompiledTemplates())
    patch.setattr("ngw2f.web.templates.Environment", with_cache)
    patch.setattr(redis.utils, "get_lib_version", cache(redis.utils.get_lib_version))
