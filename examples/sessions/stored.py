"""A cookie that is a key to a session on the server: gunicorn stored:application. Needs Flask.

The views are those of signed.py. `flask --app stored end NAME` ends a user's sessions.
"""

import hashlib
import json
import secrets
import sqlite3
import time
from importlib import import_module
from typing import Any

import click
from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin

COOKIE = "session"
TABLE = "CREATE TABLE IF NOT EXISTS sessions (key BLOB PRIMARY KEY, until REAL, content TEXT)"


class StoredSession(dict[str, Any], SessionMixin):
    """A session's data, and its token."""

    def __init__(self, token: str | None = None, content: str = "{}") -> None:
        super().__init__(json.loads(content))
        self.token = token
        self.loaded = dict(self)


class StoredSessions(SessionInterface):
    """Sessions in a file that all workers share."""

    def __init__(self, file: str) -> None:
        self.file = file

    def ask(self, statement: str, *values: object) -> list[tuple[str]]:
        connection = sqlite3.connect(self.file)
        try:
            with connection:
                connection.execute(TABLE)
                return connection.execute(statement, values).fetchall()
        finally:
            connection.close()

    def open_session(self, app: Flask, request: Request) -> StoredSession:
        token = request.cookies.get(COOKIE, "")
        select = "SELECT content FROM sessions WHERE key = ? AND until > ?"
        found = self.ask(select, key_of(token), time.time())
        return StoredSession(token, *found[0]) if found else StoredSession()

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        assert isinstance(session, StoredSession)
        # A cache must not serve this answer to others.
        response.vary.add("Cookie")
        if session == session.loaded:
            return
        # The previous token becomes invalid, also when another user signs in.
        if session.token:
            self.ask("DELETE FROM sessions WHERE key = ?", key_of(session.token))
        if not session:
            response.delete_cookie(COOKIE, httponly=True)
            return
        token = secrets.token_urlsafe()
        until = time.time() + app.permanent_session_lifetime.total_seconds()
        insert = "INSERT INTO sessions VALUES (?, ?, ?)"
        self.ask(insert, key_of(token), until, json.dumps(session))
        response.set_cookie(COOKIE, token, httponly=True)

    def end(self, name: str) -> int:
        """End all sessions of a user; return how many there were."""
        ended = "DELETE FROM sessions WHERE json_extract(content, '$.name') = ? RETURNING key"
        return len(self.ask(ended, name))


def key_of(token: str) -> bytes:
    """Return the stored hash of a token, with which nobody can sign in."""
    return hashlib.sha256(token.encode()).digest()


sessions = StoredSessions("sessions.db")
application: Flask = import_module("signed").build()  # beside this file
application.session_interface = sessions


@application.cli.command("end")
@click.argument("name")
def end(name: str) -> None:
    click.echo(f"{sessions.end(name)} ended")
