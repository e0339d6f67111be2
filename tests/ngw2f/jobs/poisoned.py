"""`ngw2f`, where POISON in a source or in a page kills who reads it, as a segfault does."""

import os
import signal

from ngw2f.commands.cli import main
from ngw2f.links import visit
from ngw2f.links.guard.fetch import Fetched
from ngw2f.links.preview.page import Preview, make_preview
from ngw2f.text.markdown import MarkdownRenderer

render = MarkdownRenderer.render


def render_or_die(renderer: MarkdownRenderer, source: str) -> str:
    if "POISON" in source:
        os.kill(os.getpid(), signal.SIGKILL)
    return render(renderer, source)


def read_or_die(fetched: Fetched) -> Preview:
    if b"POISON" in fetched.body:
        os.kill(os.getpid(), signal.SIGKILL)
    return make_preview(fetched)


if __name__ == "__main__":
    MarkdownRenderer.render = render_or_die  # type: ignore[assignment,method-assign] # as bound
    visit.make_preview = read_or_die  # type: ignore[attr-defined] # where it is looked up
    main()
