"""Show a trace as text: a ladder of layers, with what each did on the way down and up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from middleware.xray.differences import Change, Differences
from middleware.xray.faults import Fault
from middleware.xray.reasons import reasons_of
from middleware.xray.spans import Span
from middleware.xray.trace import Trace
from middleware.xray.visit import SERVER, Raised, Visit

WIDTH = 80
# The column in which the notes on a layer begin.
NAME_WIDTH = 19
TIME_WIDTH = 9
MAX_LINES = 14
# Of work within other work.
INDENT = "  "

RESET = "\x1b[0m"
BOLD = "\x1b[1m"
FAINT = "\x1b[2m"
COLOURS = {
    "+": "\x1b[32m",
    "-": "\x1b[31m",
    "~": "\x1b[33m",
    "!": "\x1b[1;31m",
    "·": "\x1b[36m",
}


def ladder(
    trace: Trace,
    faults: Sequence[Fault] = (),
    *,
    later: Sequence[Span] = (),
    width: int = WIDTH,
    colour: bool = False,
) -> str:
    """Return the journey of a request as lines of text, each at most `width` characters long.

    `faults`: what `lint` found in it, to be shown at its end.
    `later`: what other processes did for it afterwards, such as jobs.
    `colour`: whether terminals see what was added, removed, changed or wrong in colour.
    """
    lines = [*head_of(trace), ""]
    lines += [f"{'own ms':>{TIME_WIDTH - 2}}  {'layer':<{NAME_WIDTH}}down ↓ and up ↑"]
    for server in trace.outside:
        lines += rung_outside(server)
    for visit in trace.visits:
        lines += rung_of(visit, trace)
    unreached = [name for name in trace.names if not any(v.name == name for v in trace.visits)]
    if unreached:
        lines += ["", f"not reached: {', '.join(unreached)}"]
    if later:
        lines += ["", "afterwards, by others, since the request came:"]
        lines += [f"{span.began * 1000:>+{TIME_WIDTH}.2f} ms  {span.text}" for span in later]
    if faults:
        lines += ["", f"faults: {len(faults)}"]
        for fault in faults:
            lines += [f"  ! {fault.layer}: {fault.title}", f"      {fault.clause}"]
            lines += [f"      {fault.detail}"] if fault.detail else []
    text = "".join(f"{cut_to(line, width)}\n" for line in lines)
    return in_colour(text) if colour else text


def in_colour(text: str) -> str:
    """Colour a ladder for a terminal: what was added, removed, changed or wrong."""
    return "".join(f"{coloured(line)}\n" for line in text.splitlines())


def head_of(trace: Trace) -> Iterator[str]:
    query = f"?{trace.query}" if trace.query else ""
    yield f"{trace.method} {trace.path}{query}"
    root = trace.root
    took = "still running" if trace.seconds is None else f"{trace.seconds * 1000:.2f} ms"
    yield f"{root.status or 'no response'}, {counted(root.content_bytes, 'byte')}, {took}"
    if root.start is not None:
        yield f"answered by {trace.answering.name}: {why(trace.answering)}"
        for reason in reasons_of(trace):
            yield f"because {reason}"
    yield from facts_of(trace)


def facts_of(trace: Trace) -> Iterator[str]:
    """Return a line for each fact."""
    for name, value in trace.facts.items():
        yield f"{name.replace('_', ' ')}: {value}"


def why(visit: Visit) -> str:
    """Say why this layer answered."""
    if not visit.below:
        return "it called nothing below"
    inner = visit.below[-1]
    if inner.raised:
        error = inner.raised[-1]
        while inner.below and passed_through(error, inner):
            inner = inner.below[-1]
        return f"{error.name} came from {inner.name}"
    return f"in place of {inner.status or 'no response'} from {inner.name}"


def passed_through(error: Raised, visit: Visit) -> bool:
    """Say whether an exception that left a layer came from below it."""
    inner = visit.below[-1].raised if visit.below else []
    return any((each.name, each.text) == (error.name, error.text) for each in inner)


def errors_of(visit: Visit) -> Iterator[str]:
    """Return a line for each exception that left a layer."""
    for error in visit.raised:
        if passed_through(error, visit):
            yield f"· {error.name} passed through"
        else:
            yield f"! {error.name} {error.text}".rstrip()


def rung_of(visit: Visit, trace: Trace) -> Iterator[str]:
    """Return the lines on one layer; the first has its time and its name."""
    yield from rung(visit.name, sum(visit.own_seconds), [*notes_on(visit, trace)])


def rung_outside(server: Span) -> Iterator[str]:
    """Return the lines on a server outside of the chain; its time is that on the way down."""
    notes = [f"· {name.replace('_', ' ')}: {value}" for name, value in server.facts.items()]
    yield from rung(server.kind, server.seconds or 0.0, notes)


def rung(name: str, seconds: float, notes: Sequence[str]) -> Iterator[str]:
    time = f"{seconds * 1000:.2f}"
    first = f"{time:>{TIME_WIDTH - 2}}  {cut_to(name, NAME_WIDTH - 1):<{NAME_WIDTH}}"
    indent = " " * len(first)
    for number, note in enumerate(notes or ["·"]):
        yield f"{indent if number else first}{note}"


def notes_on(visit: Visit, trace: Trace) -> Iterator[str]:
    yield from lines_of("↓", visit.environ_changes)
    if visit.input_bytes:
        yield f"↓ read {counted(visit.input_bytes, 'byte')} of the request"
    for span in trace.spans:
        if span.layer == visit.name:
            yield f"{INDENT * span.depth}· {span.text}"
    yield from errors_of(visit)
    inner = visit.below[-1] if visit.below else None
    if visit.start is not None:
        if inner is None or inner.status != visit.status:
            before = f" in place of {inner.status}" if inner is not None and inner.status else ""
            yield f"↑ {visit.status}{before}"
        yield from lines_of("↑", visit.header_changes)
    if visit.start is None and not visit.put_out:
        pass
    elif inner is None or (inner.content_bytes, inner.checksum) != (
        visit.content_bytes,
        visit.checksum,
    ):
        yield f"↑ {counted(visit.put_out, 'chunk')}, {counted(visit.content_bytes, 'byte')}"
    if len(visit.starts) > 1:
        yield f"↑ start_response {len(visit.starts)} times"
    if visit.writes:
        yield f"↑ write() {counted(visit.writes, 'time')}, {counted(visit.write_bytes, 'byte')}"
    if visit.close_calls > 1:
        yield f"↑ close() {visit.close_calls} times, by {', '.join(visit.closed_by)}"
    elif trace.is_done and not visit.closed_once():
        yield f"↑ close() never called by {visit.parent.name if visit.parent else SERVER}"


def lines_of(way: str, differences: Differences) -> Iterator[str]:
    changes = list(differences)
    for change in changes[:MAX_LINES]:
        yield f"{way} {text_of(change)}"
    if len(changes) > MAX_LINES:
        yield f"{way} and {len(changes) - MAX_LINES} more"


def text_of(change: Change) -> str:
    if change.after is None:
        return f"- {change.name}"
    before = "" if change.before is None else f"{change.before} → "
    return f"{change.sign} {change.name}: {before}{change.after}"


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def cut_to(line: str, width: int) -> str:
    """Cut a line; what moves a terminal's cursor is replaced."""
    line = "".join(character if character.isprintable() else "�" for character in line)
    return line if len(line) <= width else f"{line[: width - 1]}…"


def coloured(line: str) -> str:
    """Colour a line by its sign."""
    if line.startswith(("answered by ", "because ")):
        return f"{BOLD}{line}{RESET}"
    note = line if line.startswith("  !") else line[TIME_WIDTH + NAME_WIDTH :]
    if note == "·":
        return f"{FAINT}{line}{RESET}"
    code = COLOURS.get(note.lstrip("↓↑ ")[:1])
    return f"{code}{line}{RESET}" if code else line
