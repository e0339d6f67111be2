"""`ngw2f`, where a source that says POISON kills who renders it, as a segfault does."""

import os
import signal

from ngw2f.cli import main
from ngw2f.text.markdown import MarkdownRenderer

render = MarkdownRenderer.render


def render_or_die(renderer: MarkdownRenderer, source: str) -> str:
    if "POISON" in source:
        os.kill(os.getpid(), signal.SIGKILL)
    return render(renderer, source)


if __name__ == "__main__":
    MarkdownRenderer.render = render_or_die  # type: ignore[method-assign]
    main()
