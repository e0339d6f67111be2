"""The reference: pages of Markdown for MyST, out of the docstrings of `middleware/`.

A name that a package hands on (its `__all__`, or `import X as X`) is described where users import
it from, and its module leads there.
"""

import ast
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import middleware

# Modules that a package's page leads to, and that no user needs, have a page of their own.
PACKAGES = ("middleware.cache", "middleware.prerouting", "middleware.xray")


def pages() -> dict[str, str]:
    """Return the text of each page by its name, without a suffix."""
    found = {}
    tops = [name for name in public_modules() if name.count(".") == 1]
    for name in tops:
        module = importlib.import_module(name)
        found[name] = f"# `{name}`\n\n{described(module)}"
        if name in PACKAGES:
            parts = [each for each in public_modules() if each.startswith(f"{name}.")]
            inside = "\n".join(
                f"## `{each}`\n\n{described(importlib.import_module(each))}" for each in parts
            )
            found[f"{name}.inside"] = f"# Inside `{name}`\n\n{inside}"
    entries = "\n".join(found)
    listed = "\n".join(f"- [{name}]({name}.md): {summary_of(name)}" for name in tops)
    toctree = f":::{{toctree}}\n:hidden:\n\n{entries}\n:::\n"
    found["index"] = f"# Reference: `middleware`\n\n{toctree}\n{listed}\n"
    return found


@functools.cache
def public_modules() -> tuple[str, ...]:
    names = [each.name for each in pkgutil.walk_packages(middleware.__path__, "middleware.")]
    return tuple(sorted(name for name in names if "._" not in name))


def public_names(module: ModuleType) -> list[str]:
    """Return what a module offers: its own names, and those that a package hands on."""
    tree = ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))
    own = []
    for node in tree.body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                own.append(name)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                own.append(name)
            case ast.ImportFrom(names=aliases):
                own += [alias.name for alias in aliases if alias.asname == alias.name]
    own += getattr(module, "__all__", [])
    return sorted({name for name in own if not name.startswith("_")})


def summary_of(name: str) -> str:
    return (inspect.getdoc(importlib.import_module(name)) or "").split("\n\n")[0].replace("\n", " ")


@functools.cache
def handed_on() -> dict[int, str]:
    """Return the path to import a class or function from, by its identity."""
    found: dict[int, str] = {}
    for package in public_modules():
        module = importlib.import_module(package)
        for name in public_names(module) if hasattr(module, "__path__") else ():
            # The outer package comes first, and is the one to import from.
            found.setdefault(id(getattr(module, name)), f"{package}.{name}")
    return found


def described(module: ModuleType) -> str:
    doc = inspect.getdoc(module) or ""
    # A function may have its module's name, as `middleware.xray.lint`: then the page is its alone.
    is_shadowed = module.__name__ in handed_on().values()
    kind = "currentmodule" if is_shadowed else "module"
    blocks = [f":::{{py:{kind}}} {module.__name__}\n:::\n\n{doc}\n"]
    blocks += [entry(module, name) for name in public_names(module)]
    return "\n".join(blocks)


def entry(module: ModuleType, name: str) -> str:
    value = getattr(module, name)
    path = f"{module.__name__}.{name}"
    place = handed_on().get(id(value), path)
    if place != path:
        role = "class" if inspect.isclass(value) else "func"
        kind = "class" if inspect.isclass(value) else "function"
        return directive(kind, name, "", f"See {{py:{role}}}`{place}`.")
    if inspect.isclass(value):
        return directive("class", name, signature_of(value), class_body(value))
    if inspect.isroutine(value):
        return directive("function", name, signature_of(value), inspect.getdoc(value) or "")
    return directive("data", name, "", comment_above(module_source(module), name))


def class_body(cls: type) -> str:
    parts = [own_doc(cls)]
    fields = [name for name in vars(cls).get("__annotations__", {}) if name[0] != "_"]
    for name, member in vars(cls).items():
        if name.startswith("_") or name in fields:
            continue
        if isinstance(member, property | functools.cached_property):
            parts.append(directive("property", name, "", inspect.getdoc(member) or ""))
        elif isinstance(member, classmethod | staticmethod) or inspect.isfunction(member):
            doc = inspect.getdoc(member) or ""
            parts.append(directive("method", name, signature_of(member), doc))
    source = source_of(cls)
    parts += [directive("attribute", name, "", comment_above(source, name)) for name in fields]
    return "\n".join(parts)


def own_doc(cls: type) -> str:
    """Return what the class says itself: not what dataclasses and named tuples are given."""
    doc = inspect.cleandoc(cls.__doc__ or "")
    return "" if doc.startswith(f"{cls.__name__}(") else doc


def signature_of(value: Any) -> str:
    function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
    try:
        text = str(inspect.signature(function))
    except (TypeError, ValueError):
        return "()"
    # What an address or a long default would say differs from run to run.
    return text if " at 0x" not in text and "\n" not in text else "(...)"


def source_of(value: type | ModuleType) -> str:
    try:
        return inspect.getsource(value)
    except (OSError, TypeError):
        return ""


def module_source(module: ModuleType) -> str:
    return Path(module.__file__ or "").read_text(encoding="utf-8")


def comment_above(source: str, name: str) -> str:
    """Return the lines of comment right above the first assignment of a name."""
    found: list[str] = []
    for line in source.splitlines():
        text = line.strip()
        if text.startswith("#"):
            found.append(text.lstrip("# "))
        elif text.startswith((f"{name}:", f"{name} =")):
            return "\n".join(found)
        else:
            found.clear()
    return ""


def directive(kind: str, name: str, signature: str, body: str) -> str:
    """Return a directive of Sphinx, with a fence that is longer than those inside."""
    fence = ":" * (1 + max(3, *map(len, fences_in(body))))
    return f"{fence}{{py:{kind}}} {name}{signature}\n\n{body}\n{fence}\n"


def fences_in(text: str) -> Iterator[str]:
    yield ""
    for line in text.splitlines():
        yield line[: len(line) - len(line.lstrip(":"))]
