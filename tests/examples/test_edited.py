"""The file of a chain, and what stands in it."""

import os
from functools import partial
from pathlib import Path

from examples.middleware.edited import version_of, what_it_does
from middleware.chain import Layer
from middleware.headers import HeadersMiddleware


def test_versions_of_one_moment_differ(tmp_path: Path) -> None:
    file = tmp_path / "playground.py"
    assert version_of(file) == (-1, -1)
    file.write_text("layers = []")
    before, modified = version_of(file), file.stat().st_mtime_ns
    file.write_text("layers = [1]")
    os.utime(file, ns=(modified, modified))
    assert version_of(file) != before


def test_layer_says_what_its_class_says() -> None:
    said = "Change headers by rule, each rule in the order of its list."
    assert what_it_does(Layer("a", HeadersMiddleware, "")) == said
    assert what_it_does(Layer("a", partial(HeadersMiddleware, response=[]), "")) == said
    assert what_it_does(Layer("a", lambda app: app, "")) == ""
