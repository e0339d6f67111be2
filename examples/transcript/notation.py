"""The notation of transcripts: lines into steps and bytes, and bytes into lines."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from examples.transcript.names import filled

MARKS = {"$ ": "command", "> ": "typed", "< ": "seen", "=== ": "terminal", "needs: ": "needs"}
CLOSED = "Connection closed by foreign host."
QUIT = "Connection closed."
WAIT = re.compile(r"\((\d+(?:\.\d+)?) seconds? later\)")


class Step(NamedTuple):
    """One step; consecutive typed or seen lines form one."""

    kind: str
    lines: list[str]
    number: int


def parse(text: str) -> Iterator[Step]:
    """Return the steps of a transcript. Raises `ValueError` for an invalid line."""
    step = Step("", [], 0)
    for number, line in enumerate(text.splitlines(), 1):
        kind, words = kind_of(line, number)
        if kind == step.kind and kind in ("typed", "seen", "words"):
            step.lines.append(words)
            continue
        if step.kind:
            yield step
        step = Step(kind, [words], number)
    if step.kind:
        yield step


def kind_of(line: str, number: int) -> tuple[str, str]:
    if not line or line.startswith("#"):
        return "words", line
    for mark, kind in MARKS.items():
        if line.startswith(mark) or line == mark.rstrip():
            return kind, line[len(mark) :]
    if line == CLOSED:
        return "closed", line
    if line == QUIT:
        return "quit", line
    if wait := WAIT.fullmatch(line):
        return "wait", wait[1]
    raise ValueError(f"line {number} is not a line of a transcript: {line}")


def typed(lines: Iterable[str], values: dict[str, str]) -> bytes:
    """Return the bytes that telnet sends for the lines."""
    text = "".join(line[:-1] if line.endswith("\\") else f"{line}\r\n" for line in lines)
    return filled(text, values).encode()


def ends_of(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Return each seen line without its mark, and its line end."""
    in_head = False
    for line in lines:
        in_head = in_head or line.startswith("HTTP/1.")
        if line.endswith("\\"):
            yield line[:-1], ""
        elif line.endswith("␍"):
            yield line[:-1], "\r\n"
        else:
            yield line, "\r\n" if in_head else "\n"
        in_head = in_head and line != ""


def shown(received: bytes) -> list[str]:
    """Format received bytes in the notation."""
    lines: list[str] = []
    in_head = False
    for raw in filter(None, re.split(rb"(?<=\n)|(?=HTTP/1\.1 \d)", received)):
        content = re.sub(rb"\r?\n$", b"", raw)
        in_head = in_head or content.startswith(b"HTTP/1.")
        marks = {b"": "\\", b"\n": "", b"\r\n": "␍"}
        if in_head:
            marks = {b"": "\\", b"\n": " (LF)", b"\r\n": ""}
        text = content.decode(errors="backslashreplace")
        lines.append(text + marks[raw[len(content) :]])
        in_head = in_head and content != b""
    return lines
