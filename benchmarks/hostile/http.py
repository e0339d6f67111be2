"""Malformed raw HTTP: heads, lengths, chunks and pipelines, sent in pieces."""

from random import Random

from benchmarks.hostile.attempts import ENDINGS, Attempt, Kind

METHODS = [
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"CONNECT",
    b"PATCH",
    b"X",
    b"get",
]
TARGETS = [
    b"/", b"/healthz", b"/api/messages", b"/api/users", b"/api/tokens", b"/api/rooms", b"/login",
    b"/api/messages/1", b"/rooms/lobby", b"/socket.io/?EIO=4&transport=polling", b"/ws", b"*",
    b"/api/events?wait=0", b"/static/chat.js", b"/nothing", b"http://chat/api/rooms", b"chat:80",
    b"/%00%ff", b"//", b"/../..", b"/?" + b"q=%41&" * 100, b"/api/messages?limit=1e9",
]  # fmt: skip
VERSIONS = [b"HTTP/1.1"] * 8 + [
    b"HTTP/1.0",
    b"HTTP/1.9",
    b"HTTP/2.0",
    b"HTTP/0.9",
    b"http/1.1",
    b"",
]
FIELDS = [
    b"Host: chat", b"Host: chat", b"Host: chat", b"Host: a b", b"Host:", b"Connection: close",
    b"Connection: keep-alive, Upgrade", b"Upgrade: websocket", b"Expect: 100-continue",
    b"Expect: more", b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: x", b"Content-Length: 5", b"Content-Length: 0", b"Content-Length: -1",
    b"Content-Length: 100000000000", b"Content-Length: " + b"9" * 5000, b"Range: bytes=0-0,1-",
    b"Accept: */*;q=0.00001, text/html;level=\"", b"Accept: \xff\xfe", b"Cookie: a=\xff; ;;=;b",
    b"Authorization: Basic ====", b"Authorization: Bearer " + b"x" * 3000, b"Prefer: wait=1e9",
    b"If-None-Match: *", b"If-Modified-Since: yesterday", b"X-Forwarded-For: 1, [::1]:x",
    b"Content-Type: application/json", b"Content-Type: multipart/form-data; boundary=",
    b"Content-Type: application/x-www-form-urlencoded", b"A" * 9000 + b": b", b"A: " + b"b" * 9000,
    b": no name", b"no colon", b" folded: yes", b"Nul: \x00", b"Origin: null", b"Origin: http://[",
    b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
]  # fmt: skip
BODIES = [
    b"", b"hello", b"{}", b'{"nickname": "x"}', b'{"source": 1}', b"[" * 5000, b'{"a":' * 2000,
    b"\xff\xfe\x00", b"a=b&" * 5000, b"--\r\n\r\n--", b"1" * 10000, b'{"source": "\\ud800"}',
]  # fmt: skip


def head(random: Random) -> bytes:
    """Make a random head; half of them are nearly valid."""
    target, version = random.choice(TARGETS), random.choice(VERSIONS)
    line = b"%b %b %b" % (random.choice(METHODS), target, version)
    fields = random.choices(FIELDS, k=random.randrange(8))
    if random.random() < 0.5:
        fields = [b"Host: chat", *[each for each in fields if not each.startswith(b"Host")]]
    return b"\r\n".join([line, *fields, b"", b""])


def good_head(random: Random, *fields: bytes) -> bytes:
    """Return a valid head."""
    line = b"POST %b HTTP/1.1" % random.choice(TARGETS[:8])
    return b"\r\n".join([line, b"Host: chat", *fields, b"", b""])


def chunk(random: Random) -> bytes:
    """Make a random chunk, valid or not."""
    content = random.randbytes(random.choice([0, 1, 1, 2, 100, 5000]))
    extension = random.choice([b""] * 4 + [b";a=b", b";" + b"x" * random.randrange(3000), b";\n"])
    size = b"%x" % len(content)
    if random.random() < 0.1:
        size = random.choice([b"", b"-1", b"ffffffffffffffff", b"1" * 500, b"0x5", b"g", b" 5"])
    return size + extension + random.choice([b"\r\n"] * 9 + [b"\n"]) + content + b"\r\n"


def cut(random: Random, sent: bytes) -> list[bytes]:
    """Cut it at random places, and sometimes drop its end."""
    if random.random() < 0.2:
        sent = sent[: random.randrange(len(sent) + 1)]
    count = random.choice([1, 1, 1, 2, 5, 30])
    places = sorted(random.randrange(len(sent) + 1) for _ in range(count - 1))
    return [sent[a:b] for a, b in zip([0, *places], [*places, len(sent)], strict=True)]


def attempt(random: Random, sent: bytes) -> Attempt:
    """Make an attempt that sends it in some way."""
    pause = random.choice([0, 0, 0, 0.001, 0.01])
    return Attempt(cut(random, sent), pause, random.choice(ENDINGS), random.random() < 0.9)


def heads(random: Random) -> Attempt:
    return attempt(random, head(random) + random.choice(BODIES))


def bodies(random: Random) -> Attempt:
    body = random.choice(BODIES)
    length = random.choice([len(body), len(body) + 1, 10**11, max(0, len(body) - 1)])
    return attempt(random, good_head(random, b"Content-Length: %d" % length) + body)


def large_bodies(random: Random) -> Attempt:
    length = random.choice([10**5, 10**6, 10**7])
    sent = good_head(random, b"Content-Length: %d" % length) + b"x" * min(length, 10**6)
    return Attempt([sent], ending=random.choice(ENDINGS), reads=random.random() < 0.5)


def chunks(random: Random) -> Attempt:
    sent = [chunk(random) for _ in range(random.randrange(20))]
    end = random.choice([b"0\r\n\r\n", b"", b"0\r\nA: b\r\n\r\n", b"0\r\n" + b"A: b\r\n" * 500])
    return attempt(random, good_head(random, b"Transfer-Encoding: chunked") + b"".join(sent) + end)


def tiny_chunks(random: Random) -> Attempt:
    sent = b"1\r\nx\r\n" * random.randrange(20_000)
    return Attempt([good_head(random, b"Transfer-Encoding: chunked") + sent])


def pipelines(random: Random) -> Attempt:
    request = b"GET %b HTTP/1.1\r\nHost: chat\r\n\r\n" % random.choice(TARGETS[:10])
    return Attempt([request * random.randrange(1, 50)], ending=random.choice(ENDINGS))


def mixed_pipelines(random: Random) -> Attempt:
    sent = [head(random) + random.choice(BODIES) for _ in range(random.randrange(1, 10))]
    return attempt(random, b"".join(sent))


def noise(random: Random) -> Attempt:
    return attempt(random, random.randbytes(random.choice([0, 1, 20, 500, 20_000])))


def by_bytes(random: Random) -> Attempt:
    """Send each byte on its own."""
    sent = head(random)[:300]
    return Attempt([sent[n : n + 1] for n in range(len(sent))], 0.001)


KINDS: dict[str, Kind] = {
    "heads": heads,
    "bodies": bodies,
    "large bodies": large_bodies,
    "chunks": chunks,
    "tiny chunks": tiny_chunks,
    "pipelines": pipelines,
    "mixed pipelines": mixed_pipelines,
    "noise": noise,
    "byte by byte": by_bytes,
}
