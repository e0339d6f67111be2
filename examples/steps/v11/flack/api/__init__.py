"""The API: a module for each of its nouns."""

from werkzeug.routing import RuleFactory, Submount

from . import messages, tokens, users


def rules() -> RuleFactory:
    return Submount("/api", [*users.rules(), *tokens.rules(), *messages.rules()])
