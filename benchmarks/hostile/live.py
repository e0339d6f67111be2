"""Random input after a switch of protocols: frames, and packets of Socket.IO.

Each function returns what one client sends, from a `random.Random`: some of it is nonsense, some
almost valid, some what our clients send. The same seed gives the same input.
"""

import json
import random
import struct
from collections.abc import Callable
from typing import Any

SEPARATOR = "\x1e"
WORDS = ["", "x", "post", "typing", "ping", "resume", "connect", "disconnect", "post_message",
         "ping_user", "message", "error", "0-0", "99999999999999-1", "lobby", "\ud83d\ude00".encode(
             "utf-16", "surrogatepass").decode("utf-16"), "\x00", "\u2028", "a" * 300]  # fmt: skip
FIELDS = ["type", "room_id", "source", "client_id", "after", "token", "_placeholder", "num", ""]
NUMBERS = ["0", "-0", "1", "-1", "1.5", "1e999", "NaN", "-Infinity", "9" * 20, "9" * 5_000,
           str(2**31), str(2**53 + 1), str(2**63), str(2**64)]  # fmt: skip
STRINGS = ['"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\x7f"', '"unended', '"\\x"']
COMMANDS = [
    '{"type":"ping"}',
    '{"type":"typing","room_id":1}',
    '{"type":"resume","after":"0"}',
    '{"type":"resume","after":"1-1"}',
    '{"type":"post","room_id":99,"source":"x"}',
    '{"type":"post","room_id":1,"source":""}',
    '{"type":"post","room_id":1,"source":"made up","client_id":"c"}',
]
PACKETS = [
    "1", "2", "2probe", "3", "3probe", "5", "6", "0", "7bad", "40", "40{}", "40/admin,", "41",
    '42["ping_user","x"]', '42["typing",{"room_id":1}]', '421["typing",{"room_id":1}]',
    '422["post_message",{"source":"made up"}]', '42["connect",{},{}]', '42["disconnect"]', "42[]",
    "43", '431["x"]', '44{"message":"x"}', '451-["x",{"_placeholder":true,"num":0}]', "461-1[]",
    "bAAAA", "4", "", '40{"token":"x"}', '40{"after":"0"}', '42["connect_error"]',
]  # fmt: skip

Source = Callable[[random.Random], bytes]


def text(random_: random.Random, depth: int = 0) -> str:
    """Return JSON, valid or not."""
    kind = random_.randrange(12)
    if kind == 0:
        levels = random_.choice([1, 3, 100, 2_000])
        return "[" * levels + "]" * random_.choice([levels, levels, 0])
    if kind == 1:
        return random_.choice(NUMBERS)
    if kind == 2:
        return random_.choice([*STRINGS, "null", "true", "", ",", "\ufeff{}", "'x'"])
    if kind < 6 or depth > 3:
        return json.dumps(random_.choice(WORDS), ensure_ascii=random_.random() < 0.5)
    if kind < 8:
        return "[" + ",".join(text(random_, depth + 1) for _ in range(random_.randrange(4))) + "]"
    pairs = [
        f"{json.dumps(random_.choice(FIELDS))}:{text(random_, depth + 1)}"
        for _ in range(random_.randrange(5))
    ]
    return "{" + ",".join(pairs) + "}"


def command(random_: random.Random) -> bytes:
    """Return the content of a frame to /ws."""
    kind = random_.randrange(4)
    if kind == 0:
        return random_.randbytes(random_.randrange(200))
    if kind == 1:
        return text(random_).encode(errors="replace")
    return mutated(random_, random_.choice(COMMANDS)).encode(errors="replace")


def packet(random_: random.Random) -> str:
    """Return a packet of Engine.IO, valid or not."""
    kind = random_.randrange(5)
    if kind == 0:
        digits = random_.choice(["", "1", "9" * 15, "9" * 101, "٣"])
        space = random_.choice(["", "", "/,", "/x,", "/x?y=1,", "/" + "x" * 999])
        return f"4{random_.choice('0123456789')}{space}{digits}{text(random_)}"
    if kind == 1:
        return text(random_)
    return mutated(random_, random_.choice(PACKETS))


def mutated(random_: random.Random, whole: str) -> str:
    """Return *whole*, or a copy with one error."""
    place = random_.randrange(len(whole) + 1)
    match random_.randrange(8):
        case 0:
            return whole[:place]
        case 1:
            return whole[:place] + random_.choice(WORDS) + whole[place:]
        case 2:
            return whole + whole
        case 3:
            return whole.replace('"x"', text(random_)).replace("1", text(random_))
    return whole


def frame(random_: random.Random, payload: bytes, opcode: int = 1, *, fin: bool = True) -> bytes:
    """Return one masked frame (RFC 6455 section 5.2)."""
    mask = random_.randbytes(4)
    padded = mask * (len(payload) // 4 + 1)
    whole = int.from_bytes(payload, "big") ^ int.from_bytes(padded[: len(payload)], "big")
    first = opcode | (0x80 if fin else 0)
    if len(payload) < 126:
        head = struct.pack("!BB", first, 0x80 | len(payload))
    elif len(payload) < 1 << 16:
        head = struct.pack("!BBH", first, 0xFE, len(payload))
    else:
        head = struct.pack("!BBQ", first, 0xFF, len(payload))
    return head + mask + whole.to_bytes(len(payload), "big")


def bad_frame(random_: random.Random, payload: bytes) -> bytes:
    """Return a frame that violates the protocol, or is random."""
    good = bytearray(frame(random_, payload, random_.randrange(16), fin=random_.random() < 0.7))
    match random_.randrange(6):
        case 0:
            good[0] |= random_.choice([0x10, 0x20, 0x40])
        case 1:
            good[1] &= 0x7F
        case 2:
            good[1] |= 0x7F
        case 3:
            del good[random_.randrange(len(good)) :]
        case 4:
            good[random_.randrange(len(good))] ^= 1 << random_.randrange(8)
        case 5:
            return random_.randbytes(random_.randrange(1, 400))
    return bytes(good)


def framed(random_: random.Random, payload: bytes) -> bytes:
    """Return a payload in one valid frame, in several, among others, or in an invalid one."""
    kind = random_.randrange(12)
    if kind == 0:
        return bad_frame(random_, payload)
    if kind == 1:
        return frame(random_, payload, random_.choice([2, 8, 9, 10]))
    if kind == 2:
        parts = [payload[i : i + 7] for i in range(0, len(payload), 7)] or [b""]
        between = frame(random_, b"", 9) if random_.random() < 0.5 else b""
        last = len(parts) - 1
        return between.join(
            frame(random_, part, 0 if index else 1, fin=index == last)
            for index, part in enumerate(parts)
        )
    return frame(random_, payload)


def websocket(random_: random.Random) -> bytes:
    """Return what a client sends to /ws at once."""
    return b"".join(framed(random_, command(random_)) for _ in range(random_.randrange(1, 12)))


def socketio(random_: random.Random) -> bytes:
    """Return what a client sends to Socket.IO over its WebSocket at once."""
    packets = [packet(random_) for _ in range(random_.randrange(1, 12))]
    return b"".join(framed(random_, each.encode(errors="replace")) for each in packets)


def payload(random_: random.Random) -> bytes:
    """Return the body of a POST to Socket.IO's polling."""
    kind = random_.randrange(10)
    if kind == 0:
        return random_.randbytes(random_.randrange(300))
    separator = random_.choice([SEPARATOR] * 8 + ["\n", ""])
    body = separator.join(packet(random_) for _ in range(random_.choice([1, 1, 2, 5, 16, 17])))
    return (f"d={body}" if kind == 1 else body).encode(errors="replace")


def polling_query(random_: random.Random, session: str) -> str:
    """Return the query of a request to Socket.IO's polling, mostly a valid one."""
    good: dict[str, Any] = {"EIO": "4", "transport": "polling", "sid": session}
    if random_.random() < 0.2:
        name = random_.choice([*good, "j", "b64", "t"])
        good[name] = random_.choice(["", "3", "websocket", "polling", "x", "%0d%0a", "%ff", "0"])
    return "&".join(f"{name}={value}" for name, value in good.items())
