"""The page /playground: the chain, a switch for each layer, a request, and its answer.

It is outside the chain that it shows, so no switch and no mistake removes it.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jinja2 import Environment, StrictUndefined
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from examples.middleware.asking import ask
from examples.middleware.compare import compare
from examples.middleware.edited import EditedChain, what_it_does
from examples.middleware.question import METHODS, Question
from examples.middleware.runs import Runs
from examples.middleware.switches import check_known
from middleware.answer import Answer, OtherMethods
from middleware.forwarded import may_be_forwarded

PREFIX = "/playground"
HERE = Path(__file__).parent
CLIENTS = {"127.0.0.1", "::1"}
HOSTS = {"127.0.0.1", "localhost", "[::1]"}
MAX_FORM_BYTES = 64 * 1024
ELSEWHERE = Answer("403 Forbidden", "The playground is for this machine alone.\n")


class FormRequest(Request):
    """A request with a bounded body, even without a length (chunks)."""

    max_content_length = MAX_FORM_BYTES


class Panel:
    """Show the chain; toggle clicked switches, and send the typed request."""

    def __init__(self, edited: EditedChain, runs: Runs) -> None:
        self.edited = edited
        self.runs = runs
        rules = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
        self.template = rules.from_string((HERE / "panel.html").read_text(encoding="utf-8"))
        style = (HERE / "panel.css").read_text(encoding="utf-8")
        self.style = Answer("200 OK", style, content_type="text/css; charset=utf-8")

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.answer(FormRequest(environ))(environ, start_response)

    def answer(self, request: Request) -> WSGIApplication:
        # A foreign name that leads here (DNS rebinding) is not one of these.
        is_here = re.sub(r":\d+$", "", request.host) in HOSTS and request.remote_addr in CLIENTS
        if not is_here or may_be_forwarded(request.environ):
            return ELSEWHERE
        match request.path, request.method:
            case "/", "POST":
                return self.act(request)
            case "/", "GET" | "HEAD":
                return self.page(self.runs.question())
            case "/panel.css", "GET" | "HEAD":
                return self.style
            case "/" | "/panel.css", _:
                return OtherMethods("GET", "HEAD", "POST")
        return Answer("404 Not Found", f"There is only {PREFIX}.\n")

    def act(self, request: Request) -> WSGIApplication:
        """Toggle a switch and repeat the request; reject invalid input before doing anything."""
        try:
            form = request.form
            request.stream.read(1)  # Otherwise what is too long in chunks would be cut.
        except RequestEntityTooLarge:
            return Answer("413 Content Too Large", "That is too much for a form.\n")
        names = [layer.name for layer in self.edited.now().layers]
        question = self.runs.question().changed(form)
        on = names if "all" in form else form.getlist("on")
        off = form.getlist("off")
        try:
            check_known([*on, *off], names)
            question.check()
        except ValueError as error:
            return self.page(question, str(error))
        if (on or off) and not self.runs.is_last(question):
            # The click is the first action with this request, so there is nothing to compare yet.
            self.ask(question, request.host)
        self.edited.switches.turn(on=on, off=off)
        self.ask(question, request.host)
        return redirect(f"{PREFIX}#answer", 303)

    def ask(self, question: Question, host: str) -> None:
        now = self.edited.now()
        off = now.off.intersection(layer.name for layer in now.layers)
        self.runs.add(ask(self.edited, question, off, host))

    def page(self, question: Question, mistake: str = "") -> Response:
        """Return the page, with the last answer beside the previous one."""
        chained, (before, now) = self.edited.now(), self.runs.last_two()
        content = self.template.render(
            chained=chained, does=what_it_does, path=self.edited.path, mistake=mistake,
            question=question, methods=METHODS, before=before, now=now,
            difference=compare(before, now) if before and now else None,
        )  # fmt: skip
        return Response(content, 400 if mistake else 200, mimetype="text/html")
