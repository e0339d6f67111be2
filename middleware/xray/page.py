"""Show traces as pages, without scripts: a list to filter, a ladder, two side by side."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from html import escape
from urllib.parse import parse_qs

from middleware.xray.differences import Change, Differences
from middleware.xray.faults import Fault
from middleware.xray.lint import lint
from middleware.xray.reasons import reasons_of
from middleware.xray.spans import Span
from middleware.xray.text import counted, errors_of, facts_of, passed_through, why
from middleware.xray.trace import Trace
from middleware.xray.visit import Visit
from middleware.xray.waterfall import waterfall

STYLE = """
:root{color-scheme:light dark;--ink:light-dark(#1c1c1c,#e8e8e8);--paper:light-dark(#fff,#151515);
--add:light-dark(#116329,#7ee787);--del:light-dark(#a40e26,#ffa198);--mod:light-dark(#7d4e00,#e3b341);
--soft:light-dark(#f3f3f3,#232323);--mute:light-dark(#595959,#a8a8a8)}
body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:1rem auto;
max-width:75rem;padding:0 1rem}a{color:inherit}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .5rem .2rem 0}
td:first-child{overflow-wrap:anywhere;min-width:6rem}th+th,td+td{white-space:nowrap}
form{display:flex;flex-wrap:wrap;gap:.7rem;margin:1rem 0}
input{font:inherit;width:8rem;max-width:100%}input[type=checkbox]{width:auto}
ol,ul{list-style:none;padding:0}li{background:var(--soft);margin:.35rem 0;padding:.4rem .7rem;
border-left:.3rem solid var(--mute);overflow-wrap:anywhere}li.here{border-color:var(--add)}
li.bad{border-color:var(--del)}.add{color:var(--add)}.del{color:var(--del)}.mod{color:var(--mod)}
.mute{color:var(--mute)}pre,code{font:13px/1.4 ui-monospace,monospace}li p{margin:.1rem 0}
svg{width:100%;min-width:38rem;max-width:60rem;font:12px system-ui,sans-serif;fill:var(--ink)}
.layer{fill:var(--mod)}.span{fill:var(--add)}.line{fill:var(--mute)}
.wide{overflow-x:auto}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1rem}
"""
CLASSES = {"+": "add", "-": "del", "~": "mod"}
DIGEST = b64encode(sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{DIGEST}'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Of work within other work.
INDENT = "&emsp;"
LEGEND = (
    '<p class="mute">From the server down to the layer that answered. ↓ what a layer changed for '
    "the next, ↑ what it changed of the response: + added, - removed, ~ changed; · work in it. "
    "The time is a layer's own.</p>"
)
BAD = ' class="del"'
FILTERS = ("path", "status", "slower", "layer")


def page(title: str, *content: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{''.join(content)}</main></body></html>\n"
    )


def filters_of(query: str) -> dict[str, str]:
    """Read the form of the list."""
    found = parse_qs(query)
    return {name: found[name][0].strip() for name in FILTERS if name in found}


def chosen(traces: Iterable[Trace], filters: Mapping[str, str]) -> Iterator[Trace]:
    """Return the traces that fit.

    A filter is a part of the path, the beginning of the status, a number of milliseconds that the
    request took at least, or a part of the name of a layer that it reached.
    """
    slower = filters.get("slower", "")
    milliseconds = float(slower) if slower.isascii() and slower.isdigit() else 0.0
    for trace in traces:
        if (
            filters.get("path", "") in trace.path
            and trace.status.startswith(filters.get("status", ""))
            and (trace.seconds is None or trace.seconds * 1000 >= milliseconds)
            and trace.reached(filters.get("layer", ""))
        ):
            yield trace


def list_page(traces: Iterable[Trace], filters: Mapping[str, str], *, is_live: bool = False) -> str:
    """Return the list of requests, with a form to filter it, which a script may keep fresh."""
    inputs = [
        f"<label>{name}{' than ms' if name == 'slower' else ''} "
        f'<input name="{name}" value="{escape(filters.get(name, ""))}"></label>'
        for name in FILTERS
    ]
    # The script shows it.
    checked = " checked" if is_live else ""
    inputs += [f'<label hidden><input type="checkbox" name="live"{checked}> live</label>']
    rows = [row_of(trace) for trace in chosen(traces, filters)]
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in ("request", "status", "answered by", "ms", "bytes", "faults")
    )
    return page(
        "X-ray",
        f"<form>{''.join(inputs)}<button>Filter</button></form>",
        # Wider than a phone.
        '<div class="wide" tabindex="0" role="region" aria-label="requests">',
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>",
        "" if rows else "<p>No request is kept that fits.</p>",
        '<script src="live.js"></script>',
    )


def row_of(trace: Trace) -> str:
    root = trace.root
    took = "running" if trace.seconds is None else f"{trace.seconds * 1000:.1f}"
    answered = "" if root.start is None else trace.answering.name
    cells = [root.status[:3], answered, took, str(root.content_bytes), str(len(lint(trace)) or "")]
    link = f'<a href="{escape(trace.id)}">{escape(f"{trace.method} {trace.path}")}</a>'
    return f"<tr><td>{link}</td>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def trace_page(
    trace: Trace,
    faults: Sequence[Fault],
    others: Sequence[Trace] = (),
    later: Sequence[Span] = (),
) -> str:
    """Return one request: its ladder, its waterfall, what came of it; others to compare it with."""
    links = [
        f'<li><a href="{escape(trace.id)}..{escape(other.id)}">'
        f"{escape(f'{other.method} {other.path}: {other.status}')}</a></li>"
        for other in others
    ]
    compare = f"<h2>Compare with</h2><ol>{''.join(links)}</ol>" if links else ""
    return page(
        f"{trace.method} {trace.path}",
        '<p><a href=".">all requests</a></p>',
        ladder_of(trace, faults, LEGEND),
        afterwards(later),
        "<h2>When</h2>",
        '<div class="wide" tabindex="0" role="region" aria-label="waterfall">',
        f"{waterfall(trace)}</div>",
        compare,
    )


def afterwards(later: Sequence[Span]) -> str:
    """Return what other processes did for a request."""
    rows = [
        f'<li><span class="mute">{span.began * 1000:+.2f} ms</span> {escape(span.text)}</li>'
        for span in later
    ]
    return f"<h2>Afterwards</h2><ol>{''.join(rows)}</ol>" if rows else ""


def missing_page(identity: str, detail: str) -> str:
    """Return what there is to say of a request that is not kept."""
    return page(
        "No such request",
        f"<p>Request <code>{escape(identity)}</code> is not kept. {escape(detail)}</p>",
        '<ul><li><a href=".">See the last requests</a></li><li>Or ask again for what you want to '
        "see, and have it explained in place of its answer: "
        "<code>curl -H 'X-Ray: 1' ADDRESS</code></li></ul>",
    )


def two_page(one: Trace, two: Trace) -> str:
    """Return two requests side by side."""
    sides = [
        f"<section><h2>{escape(f'{trace.method} {trace.path}')}</h2>"
        f"{ladder_of(trace, lint(trace))}</section>"
        for trace in (one, two)
    ]
    back = '<p><a href=".">all requests</a></p>'
    return page("Two requests", back, LEGEND, f'<div class="two">{"".join(sides)}</div>')


def ladder_of(trace: Trace, faults: Sequence[Fault], legend: str = "") -> str:
    root = trace.root
    took = "still running" if trace.seconds is None else f"{trace.seconds * 1000:.2f} ms"
    words = f"{root.status or 'no response'}, {counted(root.content_bytes, 'byte')}, {took}"
    answered = ""
    if root.start is not None:
        answering = trace.answering
        answered = f"<p>Answered by <b>{escape(answering.name)}</b>: {escape(why(answering))}.</p>"
        answered += "".join(f"<p>Because {escape(each)}.</p>" for each in reasons_of(trace))
    facts = "<br>".join(escape(line) for line in facts_of(trace))
    answered += f'<p class="mute">{facts}</p>' if facts else ""
    rungs = [rung_outside(server) for server in trace.outside]
    rungs += [rung_of(visit, trace, [f for f in faults if f.layer == visit.name])
             for visit in trace.visits]  # fmt: skip
    missed = [name for name in trace.names if all(visit.name != name for visit in trace.visits)]
    unreached = f'<p class="mute">Not reached: {escape(", ".join(missed))}</p>' if missed else ""
    return f"<p>{escape(words)}</p>{answered}{legend}<ol>{''.join(rungs)}</ol>{unreached}"


def rung_outside(server: Span) -> str:
    own = f"{(server.seconds or 0.0) * 1000:.2f} ms"
    facts = "".join(
        f"<p>· {escape(name.replace('_', ' '))}: {escape(value)}</p>"
        for name, value in server.facts.items()
    )
    return f'<li><p><b>{escape(server.kind)}</b> <span class="mute">{own}</span></p>{facts}</li>'


def rung_of(visit: Visit, trace: Trace, faults: Sequence[Fault]) -> str:
    is_origin = any(not passed_through(error, visit) for error in visit.raised)
    state = ' class="bad"' if faults or is_origin else ""
    if not state and visit is trace.answering:
        state = ' class="here"'
    # Work may fail, and be done in another way.
    has_failed = visit.status >= "400"
    own = f"{sum(visit.own_seconds) * 1000:.2f} ms"
    lines = [f'<p><b>{escape(visit.name)}</b> <span class="mute">{own}</span></p>']
    lines += changes_of("↓", visit.environ_changes)
    for span in trace.spans:
        if span.layer == visit.name:
            state_of_work = BAD if span.error and has_failed else ""
            text = f"{INDENT * span.depth}· {escape(span.text)}"
            lines += [f"<p{state_of_work}>{text}</p>"]
    lines += [
        f"<p{BAD if line.startswith('!') else ''}>{escape(line)}</p>" for line in errors_of(visit)
    ]
    inner = visit.below[-1] if visit.below else None
    left = visit.status, visit.content_bytes
    if visit.start is not None and (inner is None or left != (inner.status, inner.content_bytes)):
        lines += [f"<p>↑ {escape(visit.status)}, {counted(visit.content_bytes, 'byte')}</p>"]
    lines += changes_of("↑", visit.header_changes)
    lines += [
        f'<p class="del">! {escape(f"{fault.title} {fault.detail}")} '
        f'<span class="mute">{escape(fault.clause)}</span></p>'
        for fault in faults
    ]
    return f"<li{state}>{''.join(lines)}</li>"


def changes_of(way: str, differences: Differences) -> list[str]:
    return [
        f'<p class="{CLASSES[change.sign]}">{way} {change.sign} <code>{text_of(change)}</code></p>'
        for change in differences
    ]


def text_of(change: Change) -> str:
    if change.after is None:
        return escape(change.name)
    before = "" if change.before is None else f"{change.before} → "
    return escape(f"{change.name}: {before}{change.after}")
