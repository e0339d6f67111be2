from pathlib import Path

from examples.pictures.events import Log


def test_events_are_in_order_and_what_follows_at_once_is_one(tmp_path: Path) -> None:
    log = Log(tmp_path / "log")
    log.tell("client", "server", "GET / HTTP/1.0", "⏎")
    log.tell("server", "client", "HTTP/1.0 200 OK")
    log.tell("server", "client", "hello")
    log.tell("", "", "Words.")
    log.tell("", "", "More words.")
    assert [event[1:] for event in log.read()] == [
        ("client", "server", ["GET / HTTP/1.0", "⏎"]),
        ("server", "client", ["HTTP/1.0 200 OK", "hello"]),
        ("", "", ["Words."]),
        ("", "", ["More words."]),
    ]
