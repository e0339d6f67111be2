"""`ngw2f xray GET /path`: print what each layer of the chain does to a request."""

import argparse
import os
import sys
from dataclasses import dataclass
from urllib.parse import urlsplit

from ngw2f.commands.places import find_configuration
from ngw2f.paths import LONG_LIVED
from ngw2f.settings import SettingError, Settings, load_settings

TIMEOUT_SECONDS = 20
# How long the signed field is valid: a request is sent at once, to a server whose clock may differ.
FIELD_SECONDS = 60
FIELD = "X-Ray"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it was typed."""

    method: str
    target: str
    fields: dict[str, str]
    body: bytes


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the others of `ngw2f`."""
    parser = commands.add_parser("xray", help="show what each layer does to a request")
    parser.add_argument("method", metavar="METHOD", type=str.upper)
    parser.add_argument("target", metavar="/PATH", type=_target, help="with its query, if any")
    parser.add_argument(
        "-H", dest="fields", metavar="FIELD", type=_field, action="append", default=[],
        help="a field of the request, as in -H 'Accept: text/html'",
    )  # fmt: skip
    parser.add_argument("-d", dest="body", metavar="BODY", default="", help="what it sends")
    parser.add_argument(
        "--url", type=_origin,
        help="of the server that answers, as in http://127.0.0.1:8000; else this process does",
    )  # fmt: skip
    parser.set_defaults(run=_run)


def _target(text: str) -> str:
    if not text.startswith("/") or not text.isascii() or not text.isprintable() or " " in text:
        raise argparse.ArgumentTypeError("a path that begins with '/', percent-encoded")
    return text


def _field(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not (name and colon and text.isascii() and text.isprintable()):
        raise argparse.ArgumentTypeError("NAME: VALUE")
    return name, value.strip()


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise argparse.ArgumentTypeError("http:// or https:// and a host")
    return text.rstrip("/")


def _run(options: argparse.Namespace) -> None:
    from middleware.xray.text import in_colour

    settings = load_settings()
    body = options.body.encode()
    fields = dict(options.fields)
    if body and not any(name.lower() == "content-type" for name in fields):
        is_json = body.startswith((b"{", b"["))
        kind = "application/json" if is_json else "application/x-www-form-urlencoded"
        fields["Content-Type"] = kind
    asked = Asked(options.method, options.target, fields, body)
    text = ask_server(asked, options.url, settings) if options.url else ask_here(asked, settings)
    # See https://no-color.org.
    in_terminal = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    sys.stdout.write(in_colour(text) if in_terminal else text)


def ask_server(asked: Asked, url: str, settings: Settings) -> str:
    """Return the ladder of a request that a running server answers.

    The field is signed with the setting `xray_key`. Without one, the server must record everybody.
    """
    # Other commands, which servers start, would load it for nothing.
    from http.client import HTTPConnection, HTTPException, HTTPSConnection

    from middleware.xray import Access

    key = settings.xray_key.encode()
    field = Access(key=key).sign(FIELD_SECONDS) if key else "1"
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request(
            asked.method, parts.path + asked.target, asked.body or None,
            {**asked.fields, FIELD: field},
        )  # fmt: skip
        response = connection.getresponse()
        text = response.read().decode("utf-8", "replace")
    except (OSError, HTTPException, ValueError) as error:
        sys.exit(f"ngw2f: {url}: {error}")
    finally:
        connection.close()
    if response.headers.get(FIELD) is None:
        sys.exit(
            f"ngw2f: {url} answered {response.status}, and showed no ladder: does it run with "
            "NGW2F_XRAY=true, or with the NGW2F_XRAY_KEY that is set here?"
        )
    return text


def ask_here(asked: Asked, settings: Settings) -> str:
    """Return the ladder of a request that this process answers, with a chain of its own."""
    import msgspec
    from sqlalchemy.exc import SQLAlchemyError
    from werkzeug.test import EnvironBuilder, run_wsgi_app

    from ngw2f.store.reasons import reason_of
    from ngw2f.store.usable import UnusableError, check_chat

    if asked.target.startswith(LONG_LIVED):
        sys.exit("ngw2f: a stream needs a running server: say --url")
    try:
        check_chat(settings)
    except (UnusableError, SQLAlchemyError) as error:
        raise SettingError(f"{settings.database_name}: {reason_of(error)}") from error
    directory = str(find_configuration().parent)
    if directory not in sys.path:
        sys.path.insert(0, directory)
    from app import create_application

    service = create_application(msgspec.structs.replace(settings, xray=True))
    path, _, query = asked.target.partition("?")
    environ = EnvironBuilder(
        path, query_string=query, method=asked.method, data=asked.body,
        headers=[*asked.fields.items(), (FIELD, "1")], environ_base={"REMOTE_ADDR": "127.0.0.1"},
    ).get_environ()  # fmt: skip
    try:
        body, _, _ = run_wsgi_app(service, environ, buffered=True)
        return b"".join(body).decode()
    finally:
        service.close()
