"""Flack 0.2: utils.py has what is not about chat."""

import secrets
import sqlite3
import sys
import time
from contextlib import closing

from markdown_it import MarkdownIt
from werkzeug import Request, Response, run_simple
from werkzeug.exceptions import BadRequest, Unauthorized
from werkzeug.routing import Map, Rule
from werkzeug.security import check_password_hash, generate_password_hash

from .utils import json_response, text_of, timestamp

DATABASE = "flack.db"
USERS = "create table if not exists users (nickname text primary key, password text, token text)"
MESSAGES = """create table if not exists messages
    (id integer primary key, nickname text, source text, html text, created integer)"""
markdown = MarkdownIt("commonmark", {"html": False})
arrivals: list[float] = []


def query(statement: str, *values: object) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(DATABASE)) as connection, connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(statement, values).fetchall()


def index(_request: Request) -> Response:
    rows = query("select nickname, html from messages order by id")
    return Response("".join(f"{row['nickname']}: {row['html']}" for row in rows))


def create_user(request: Request) -> Response:
    nickname = text_of(request, "nickname")
    insert = "insert or ignore into users (nickname, password) values (?, ?) returning nickname"
    if not query(insert, nickname, generate_password_hash(text_of(request, "password"))):
        raise BadRequest("the nickname is taken")
    return json_response({"nickname": nickname}, 201)


def create_token(request: Request) -> Response:
    sent = request.authorization
    rows = query("select * from users where nickname = ?", sent.username if sent else None)
    if not sent or not rows or not check_password_hash(rows[0]["password"], sent.password or ""):
        raise Unauthorized("wrong nickname or password")
    token = secrets.token_urlsafe()
    query("update users set token = ? where nickname = ?", token, sent.username)
    return json_response({"token": token}, 201)


def create_message(request: Request) -> Response:
    sent = request.authorization
    rows = query("select * from users where token = ?", sent.token if sent else None)
    if not rows:
        raise Unauthorized("a token is missing")
    source = text_of(request, "source")
    message = (rows[0]["nickname"], source, markdown.render(source), timestamp())
    query("insert into messages (nickname, source, html, created) values (?, ?, ?, ?)", *message)
    answer = {"nickname": message[0], "html": message[2]}
    return json_response(answer, 201)


def list_messages(request: Request) -> Response:
    after = request.args.get("after", 0, int)
    rows = query("select id, nickname, html from messages where id > ? order by id", after)
    answer = {"messages": [dict(row) for row in rows]}
    return json_response(answer)


def stats(_request: Request) -> Response:
    recent = sum(arrival > time.time() - 15 for arrival in arrivals)
    return json_response({"requests_per_second": recent / 15})


RULES = [
    Rule("/", endpoint=index, methods=["GET"]),
    Rule("/api/users", endpoint=create_user, methods=["POST"]),
    Rule("/api/tokens", endpoint=create_token, methods=["POST"]),
    Rule("/api/messages", endpoint=create_message, methods=["POST"]),
    Rule("/api/messages", endpoint=list_messages, methods=["GET"]),
    Rule("/stats", endpoint=stats, methods=["GET"]),
]
URLS = Map(RULES)


@Request.application
def application(request: Request) -> Response:
    arrivals.append(time.time())
    view, _ = URLS.bind_to_environ(request).match()
    response: Response = view(request)
    return response


if __name__ == "__main__":
    query(USERS)
    query(MESSAGES)
    run_simple("127.0.0.1", int(sys.argv[1]), application)
