"""What a person does with a page whose browser runs no JavaScript."""

from tests.client import BROWSER


def page(client, path="/", status=200):
    answer = client.get(path, headers=BROWSER, status=status)
    assert answer.content_type == "text/html"
    return answer


def form_of(answer, action):
    return next(form for form in answer.forms.values() if form.action == action)


def submit(answer, action, **fields):
    """Fill in a form and send it, as a browser without JavaScript does."""
    form = form_of(answer, action)
    for name, value in fields.items():
        form[name] = value
    return form.submit(headers=BROWSER)


def click(client, answer, text):
    (link,) = [link for link in answer.html.select("a") if link.text == text]
    return page(client, link["href"])


def texts(answer, selector):
    return [found.get_text().strip() for found in answer.html.select(selector)]
