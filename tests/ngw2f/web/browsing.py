"""What a person does with a page whose browser runs no JavaScript."""

from bs4 import Tag
from webtest import Form, TestResponse

from tests.client import BROWSER, Client


def page(client: Client, path: str = "/", status: int = 200) -> TestResponse:
    answer = client.get(path, headers=BROWSER, status=status)
    assert answer.content_type == "text/html"
    return answer


def form_of(answer: TestResponse, action: str) -> Form:
    # WebTest's `forms` would parse all that the page has once more.
    found = next(form for form in answer.html("form") if form.attrs.get("action", "") == action)
    return Form(answer, str(found), answer.parser_features)


def submit(answer: TestResponse, action: str, **fields: str) -> TestResponse:
    """Fill in a form and send it, as a browser without JavaScript does."""
    form = form_of(answer, action)
    for name, value in fields.items():
        form[name] = value
    return form.submit(headers=BROWSER)


def click(client: Client, answer: TestResponse, text: str) -> TestResponse:
    (link,) = [link for link in answer.html.select("a") if link.text == text]
    return page(client, link["href"])


def shown(answer: TestResponse, selector: str) -> list[Tag]:
    """Return what the selector finds; a browser shows nothing that is in a `<template>`.

    Soup Sieve leaves it out from its version 4 on, which needs Python 3.11.5.
    """
    return [each for each in answer.html.select(selector) if not each.find_parent("template")]


def texts(answer: TestResponse, selector: str) -> list[str]:
    return [found.get_text().strip() for found in shown(answer, selector)]
