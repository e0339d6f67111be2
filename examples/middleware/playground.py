"""Edit this file while `python -m examples.middleware.play` runs, and reload the page.

The first layer is the outermost. What may stand here: docs/middleware.md.
"""

from functools import partial

from middleware.chain import Layer
from middleware.headers import HeadersMiddleware, set_header
from middleware.prerouting import Health, PreRoutingMiddleware, Redirect
from middleware.rewriting import InsertBefore, RewritingMiddleware

RIBBON = b"<p>played with</p>\n"

layers = [
    Layer(
        "headers",
        partial(HeadersMiddleware, response=[set_header("X-Played-With", "yes")]),
        "outermost: also on what the others answer",
    ),
    Layer(
        "pre-routing",
        partial(PreRoutingMiddleware, rules=[Health("/alive"), Redirect("/lobby", "/")]),
        "answers before the chat is asked",
    ),
    Layer(
        "rewriting",
        partial(RewritingMiddleware, make=lambda *_response: InsertBefore(b"</body>", RIBBON)),
        "innermost: changes the chat's own pages",
    ),
]
