"""Check what HTTP says of a response; see `middleware.xray.lint`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from middleware._fields import HOP_BY_HOP
from middleware.headers import TOKEN
from middleware.xray.faults import Finding
from middleware.xray.values import JOINED, MAX_ATTRIBUTE_CHARACTERS, is_cut
from middleware.xray.visit import Start, Visit

SINGLE = frozenset(
    {
        "access-control-allow-credentials",
        "access-control-allow-origin",
        "access-control-max-age",
        "age",
        "content-disposition",
        "content-length",
        "content-location",
        "content-range",
        "content-type",
        "cross-origin-embedder-policy",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "date",
        "etag",
        "expires",
        "last-modified",
        "location",
        "retry-after",
        "sec-websocket-accept",
        "sec-websocket-protocol",
        "server",
        "strict-transport-security",
        "x-content-type-options",
        "x-correlation-id",
        "x-dns-prefetch-control",
        "x-download-options",
        "x-frame-options",
        "x-permitted-cross-domain-policies",
        "x-request-id",
        "x-xss-protection",
    }
)
ETAG = re.compile(r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"')
DATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4}"
    r" \d\d:\d\d:\d\d GMT"
)
RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/", re.IGNORECASE)
# What a status demands (RFC 9110 section 15): a layer that takes it away breaks the response.
DEMANDED = {
    "206": "content-range",
    "301": "location",
    "302": "location",
    "303": "location",
    "307": "location",
    "308": "location",
    "401": "www-authenticate",
    "405": "allow",
    "407": "proxy-authenticate",
    "426": "upgrade",
}
# Of the bytes that are sent (RFC 9530; RFC 2616 section 14.15).
DIGESTS = ("content-digest", "digest", "content-md5")
# What a 304 has to say as its 200 would (RFC 9110 section 15.4.5); servers add Date.
OF_NOT_MODIFIED = ("cache-control", "content-location", "etag", "expires", "vary")


def findings_in_fields(start: Start) -> Iterator[Finding]:
    """Check the header list alone."""
    names = [name.lower() for name, _ in start.fields]
    for name in dict.fromkeys(names):
        if name in SINGLE and names.count(name) > 1:
            yield Finding("header-twice", name)
        # RFC 9110 section 15.5.22 demands Upgrade of a 426.
        is_upgrade = start.code == "101" or (start.code == "426" and name == "upgrade")
        if name in HOP_BY_HOP and not is_upgrade:
            yield Finding("header-hop-by-hop", name)
        if not TOKEN.fullmatch(name):
            yield Finding("header-name", repr(name[:40]))
    lines = start.values_of("set-cookie") if names.count("set-cookie") > 1 else ()
    cookies = [cookie for line in lines if (cookie := cookie_of(line))]
    for cookie in {cookie for cookie in cookies if cookies.count(cookie) > 1}:
        yield Finding("cookie-twice", cookie[0])
    yield from findings_in_values(start, names)


def findings_in_values(start: Start, names: Sequence[str]) -> Iterator[Finding]:
    """Check the values of fields that stand once."""
    tag = start.value_of("etag")
    is_tag = tag is None or is_cut(tag) or ETAG.fullmatch(tag) is not None
    if tag is not None and not is_tag and names.count("etag") == 1:
        yield Finding("etag-malformed", repr(tag[:40]))
    for name in ("date", "last-modified"):
        if names.count(name) == 1 and not DATE.fullmatch(start.value_of(name) or ""):
            yield Finding("date-malformed", name)
    if "status" in names:
        yield Finding("header-status")
    length = start.value_of("content-length")
    if length is not None:
        if start.code[0] == "1" or start.code == "204":
            yield Finding("length-not-allowed", start.code)
        if not length.isdecimal() and names.count("content-length") == 1:
            yield Finding("length-malformed", repr(length[:40]))


def findings_in_content(visit: Visit, start: Start) -> Iterator[Finding]:
    """Check the body against the status and the headers."""
    if visit.content_bytes:
        if start.code in {"204", "205", "304"}:
            yield Finding(f"body-on-{start.code}", f"{visit.content_bytes} bytes")
        elif visit.method == "HEAD":
            yield Finding("body-on-head", f"{visit.content_bytes} bytes")
    if visit.has_note("chunk-type"):
        # What is not bytes was not counted.
        return
    part = RANGE.match(start.value_of("content-range") or "")
    if part and start.code == "206" and visit.method != "HEAD" and visit.is_whole:
        size = int(part[2]) - int(part[1]) + 1
        if visit.content_bytes != size and not visit.raised:
            yield Finding("range-wrong", f"{size}, but {visit.content_bytes} bytes came")
    length = start.value_of("content-length") or ""
    if not length.isdecimal() or start.code in {"204", "304"} or visit.method == "HEAD":
        return
    is_whole = visit.is_whole and not visit.raised
    if visit.content_bytes > int(length) or (is_whole and visit.content_bytes < int(length)):
        yield Finding("length-wrong", f"{length}, but {visit.content_bytes} bytes came")


def findings_between(visit: Visit, start: Start, below: Visit, inner: Start) -> Iterator[Finding]:
    """Check what a layer made of the response below it. Only that layer can be to blame."""
    if start.code == "304" and inner.code in {"200", "304"}:
        lost = [
            name for name in OF_NOT_MODIFIED if inner.value_of(name) and not start.value_of(name)
        ]
        if lost:
            yield Finding("not-modified-fields", ", ".join(lost))
    if inner.code == start.code:
        is_bodiless = start.code == "304" or visit.method == "HEAD"
    else:
        is_bodiless = start.code == "304" and inner.code == "200"
    if is_bodiless:
        yield from findings_in_length(start, below, inner)
    if start.code != inner.code:
        return
    yield from findings_in_losses(visit, start, inner)
    yield from findings_in_bytes(visit, start, below, inner)
    varies, varied = members(start, "vary"), members(inner, "vary")
    is_known = not is_cut(start.value_of("vary") or "")
    if is_known and varied - varies and "*" not in varies and start.code != "304":
        yield Finding("vary-lost", ", ".join(sorted(varied - varies)))
    encodings = members(start, "content-encoding") - members(inner, "content-encoding")
    if encodings and not is_same(visit, below) and not varies & {"*", "accept-encoding"}:
        yield Finding("vary-missing", ", ".join(sorted(encodings)))
    date, moved = inner.value_of("date"), start.value_of("date")
    if date is not None and moved != date and len(start.values_of("date")) < 2:
        yield Finding("date-moved", f"{date} became {moved}")
    cookies = [value for value in start.values_of("set-cookie") if value.endswith(JOINED)]
    if cookies and len(start.values_of("set-cookie")) < len(inner.values_of("set-cookie")):
        yield Finding("cookies-joined")


def findings_in_losses(visit: Visit, start: Start, inner: Start) -> Iterator[Finding]:
    """Check what a layer took away of the headers."""
    if visit.content_bytes and is_lost("content-type", start, inner):
        yield Finding("type-lost")
    name = DEMANDED.get(start.code)
    # Several parts have a Content-Range each.
    in_parts = (start.value_of("content-type") or "").lower().startswith("multipart/")
    if name is not None and is_lost(name, start, inner) and not in_parts:
        yield Finding("field-lost", name)
    before, after = inner.values_of("set-cookie"), start.values_of("set-cookie")
    # As a dictionary does; of cookies that are the same, one is enough.
    if after == before[-1:] and len({cookie_of(line) for line in before}) > 1:
        yield Finding("cookie-lost", f"{len(before) - 1} of {len(before)}")


def is_lost(name: str, start: Start, inner: Start) -> bool:
    return bool(inner.values_of(name)) and not start.values_of(name)


def findings_in_bytes(visit: Visit, start: Start, below: Visit, inner: Start) -> Iterator[Finding]:
    """Check what says something of the bytes against whether they were changed."""
    if differs(visit, below):
        etag = start.value_of("etag")
        if etag and etag[0] == '"' and not is_cut(etag) and etag == inner.value_of("etag"):
            yield Finding("etag-kept", etag)
        for name in DIGESTS:
            digest = start.value_of(name)
            if digest and digest == inner.value_of(name) and not is_cut(digest):
                yield Finding("digest-kept", name)
    if is_same(visit, below):
        one, two = members(start, "content-encoding"), members(inner, "content-encoding")
        changed = (one ^ two) - {"identity"}
        if changed:
            yield Finding("encoding-wrong", ", ".join(sorted(changed)))


def findings_in_length(start: Start, below: Visit, inner: Start) -> Iterator[Finding]:
    """Check the length of a response without a body: it is that of GET's body, and not 0."""
    length = inner.value_of("content-length") or ""
    known = int(length) if length.isdecimal() else below.content_bytes
    if start.value_of("content-length") == "0" and known:
        yield Finding("length-wrong", f"0, but it was {known} below")


def cookie_of(line: str) -> tuple[str, ...] | None:
    """Return what makes a cookie the same as another: its name, domain, path and partition.

    None if some of it may have been cut.
    """
    name, *attributes = line.split(";")
    scope = []
    for attribute in attributes:
        key, _, value = attribute.strip().partition("=")
        key = key.lower()
        if key in {"domain", "path"} and len(value) >= MAX_ATTRIBUTE_CHARACTERS:
            return None
        if key in {"domain", "path", "partitioned"}:
            # Paths that differ in case are different.
            scope.append(f"{key}={value if key == 'path' else value.lower()}")
    if is_cut(line):
        return None
    return (name.partition("=")[0].strip(), *sorted(scope))


def differs(visit: Visit, below: Visit) -> bool:
    """Say whether both bodies are whole, and not the same."""
    return are_whole(visit, below) and content_of(visit) != content_of(below)


def is_same(visit: Visit, below: Visit) -> bool:
    """Say whether both bodies are whole, not empty, and the same."""
    is_equal = content_of(visit) == content_of(below)
    return visit.content_bytes > 0 and is_equal and are_whole(visit, below)


def are_whole(visit: Visit, below: Visit) -> bool:
    is_head = "HEAD" in (visit.method, below.method)
    return not is_head and visit.is_whole and below.is_whole


def content_of(visit: Visit) -> tuple[int, int]:
    return visit.content_bytes, visit.checksum


def members(start: Start, name: str) -> set[str]:
    """Return the members of a field that is a list, in lower case."""
    values = (start.value_of(name) or "").lower().split(",")
    return {value.strip() for value in values} - {""}
