"""Code blocks, highlighted by Pygments in the language that the fence names."""

from collections.abc import Sequence
from html import escape
from typing import Final

from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_all_lexers, get_lexer_by_name


class CodeRenderer:
    """Render code blocks; `colours` turns highlighting on or off."""

    def __init__(self) -> None:
        self.colours = True
        lexers = get_all_lexers(plugins=False)
        self.languages: Final = frozenset(alias for lexer in lexers for alias in lexer[1])
        self._formatter = HtmlFormatter(nowrap=True)

    def fence(
        self, tokens: Sequence[Token], index: int, _options: OptionsDict, _environment: EnvType
    ) -> str:
        """Return the HTML of a fenced block.

        Text after the fence is shown unless it is only a language's name: people who write
        there want it read.
        """
        info, code = tokens[index].info.strip(), tokens[index].content
        if code and not code.endswith("\n"):  # The fence is not closed.
            code += "\n"
        first_word = info.partition(" ")[0].lower()
        language = first_word if first_word in self.languages else ""
        is_name = info.lower() == language and code.strip()
        head = "" if is_name or not info else escape(info) + "\n"
        if not language:
            return f"<pre><code>{head}{escape(code)}</code></pre>\n"
        opening = f'<pre><code class="language-{escape(language)}">{head}'
        is_coloured = self.colours and code.strip()
        body = self._coloured(code, language) if is_coloured else escape(code)
        return f'<div class="highlight">{opening}{body}</code></pre></div>\n'

    def _coloured(self, code: str, language: str) -> str:
        lexer = get_lexer_by_name(language, stripnl=False)
        html: str = highlight(code, lexer, self._formatter)
        return html
