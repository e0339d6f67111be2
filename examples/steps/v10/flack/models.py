"""Users and messages, and the only SQL."""

import secrets
import sqlite3
from contextlib import closing

from markdown_it import MarkdownIt
from werkzeug.security import check_password_hash, generate_password_hash

from .utils import timestamp

USERS = "create table if not exists users (nickname text primary key, password text, token text)"
MESSAGES = """create table if not exists messages
    (id integer primary key, nickname text, source text, html text, created integer)"""
markdown = MarkdownIt("commonmark", {"html": False})


class Models:
    """The contents of one database."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.query(USERS)
        self.query(MESSAGES)

    def query(self, statement: str, *values: object) -> list[sqlite3.Row]:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(statement, values).fetchall()

    def add_user(self, nickname: str, password: str) -> bool:
        """Add a user if the nickname is free; return whether it was."""
        insert = "insert or ignore into users (nickname, password) values (?, ?) returning nickname"
        return bool(self.query(insert, nickname, generate_password_hash(password)))

    def is_password(self, nickname: str, password: str) -> bool:
        rows = self.query("select password from users where nickname = ?", nickname)
        return bool(rows) and check_password_hash(rows[0]["password"], password)

    def new_token(self, nickname: str) -> str:
        token = secrets.token_urlsafe()
        self.query("update users set token = ? where nickname = ?", token, nickname)
        return token

    def find_nickname(self, token: str) -> str | None:
        rows = self.query("select nickname from users where token = ?", token)
        return rows[0]["nickname"] if rows else None

    def add_message(self, nickname: str, source: str) -> dict[str, str]:
        html = markdown.render(source)
        insert = "insert into messages (nickname, source, html, created) values (?, ?, ?, ?)"
        self.query(insert, nickname, source, html, timestamp())
        return {"nickname": nickname, "html": html}

    def messages_after(self, last: int) -> list[dict[str, str]]:
        rows = self.query("select id, nickname, html from messages where id > ? order by id", last)
        return [dict(row) for row in rows]
