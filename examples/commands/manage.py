"""All that is done to a site, as one command: python manage.py. Needs Flask."""

import sqlite3
from contextlib import closing

import click
from flask import Flask, Response
from flask.cli import FlaskGroup

DATABASE = "notes.db"


def build() -> Flask:
    built = Flask(__name__, static_folder=None)
    built.add_url_rule("/", view_func=index)
    return built


def index() -> Response:
    rows = ask("SELECT id, note FROM notes ORDER BY id")
    text = "".join(f"{number}: {note}\n" for number, note in rows)
    return Response(text or "no notes\n", mimetype="text/plain")


def ask(statement: str, *values: object) -> list[tuple[int, str]]:
    with closing(sqlite3.connect(DATABASE)) as connection, connection:
        return connection.execute(statement, values).fetchall()


@click.group(cls=FlaskGroup, create_app=build)
def main() -> None:
    """Notes: the server, and what is done beside it."""


@main.command()
def createdb() -> None:
    """Create the database, if it is not there."""
    ask("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, note TEXT)")


@main.command()
@click.argument("note")
def add(note: str) -> None:
    """Add a note."""
    ask("INSERT INTO notes (note) VALUES (?)", note)


@main.command()
@click.argument("number", type=int)
def remove(number: int) -> None:
    """Remove a note."""
    if not ask("DELETE FROM notes WHERE id = ? RETURNING id, note", number):
        raise click.ClickException(f"there is no note {number}")


if __name__ == "__main__":
    main()
