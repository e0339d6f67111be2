"""Users and messages, and the only SQL."""

import secrets
import sqlite3
from contextlib import closing

from markdown_it import MarkdownIt
from werkzeug.security import check_password_hash, generate_password_hash

from .utils import timestamp

DATABASE = "flack.db"
USERS = "create table if not exists users (nickname text primary key, password text, token text)"
MESSAGES = """create table if not exists messages
    (id integer primary key, nickname text, source text, html text, created integer)"""
markdown = MarkdownIt("commonmark", {"html": False})


def query(statement: str, *values: object) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(DATABASE)) as connection, connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(statement, values).fetchall()


def create_tables() -> None:
    query(USERS)
    query(MESSAGES)


def add_user(nickname: str, password: str) -> bool:
    """Add a user if the nickname is free; return whether it was."""
    insert = "insert or ignore into users (nickname, password) values (?, ?) returning nickname"
    return bool(query(insert, nickname, generate_password_hash(password)))


def is_password(nickname: str, password: str) -> bool:
    rows = query("select password from users where nickname = ?", nickname)
    return bool(rows) and check_password_hash(rows[0]["password"], password)


def new_token(nickname: str) -> str:
    token = secrets.token_urlsafe()
    query("update users set token = ? where nickname = ?", token, nickname)
    return token


def find_nickname(token: str) -> str | None:
    rows = query("select nickname from users where token = ?", token)
    return rows[0]["nickname"] if rows else None


def add_message(nickname: str, source: str) -> dict[str, str]:
    html = markdown.render(source)
    insert = "insert into messages (nickname, source, html, created) values (?, ?, ?, ?)"
    query(insert, nickname, source, html, timestamp())
    return {"nickname": nickname, "html": html}


def messages_after(last: int) -> list[dict[str, str]]:
    rows = query("select id, nickname, html from messages where id > ? order by id", last)
    return [dict(row) for row in rows]
