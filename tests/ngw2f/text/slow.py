"""Sources of 10,000 characters that are meant to be slow, or to become long.

After the pathological inputs of cmark's tests (commonmark/cmark, test/pathological_tests.py), and
others of their kind.
"""

CHARACTERS = 10_000


def _fill(part: str) -> str:
    return (part * (CHARACTERS // len(part) + 1))[:CHARACTERS]


REPEATED = [
    *("[", "*", "_", "`", "<", "(", "![", "\\", "&", "|", "~", "@", ">", "]", "](", "[](", "[[]]("),
    *("> ", "- ", "1. ", "> - ", "* ", "\t- a\n", "- a\n", "-\n", "- a\n\n", "# a\n", "#\n"),
    *("`\n", "``\n", "```\n", "~~~\n", "``a`", "a`b\n", "=\n", "a\n-\n", "===\n", "a\n", "\\\n"),
    *("*a", "**a ", "_a", "*a_ ", "***", "*_", "a**b**c* ", "~~a", "a~~", "*a **b ", "[*a](b*"),
    *("[a](b", "[a](<b", '[a](b "', "[a](b", "[a][b", "[a]: ", "[a]: /b\n", "[a\n", "[a]: /b '\n"),
    *("[a](", "[](a)", "![a](", "![](a)", "[a][b]", "[^", "[<", "\\[", "[\\]", "()[", "a](b) "),
    *("http://", "www.", "www.a ", "http://a.b ", "http://a.b/?((", "a@", "a@b.c ", "a.", "-a.@"),
    *("&amp;", "&nbsp;", "&a", "&#1;", "&#x1F98A;", "\xa0", "\N{FOX FACE}", "é", "[é](é)", '"'),
    *("<a ", "</", "<!--", "<![CDATA[", "<?", "<a@b", "<http:", "<<<<", "<x@y.z>", "<a>"),
    *("a|b\n", "|\n|-", "-|-\n", "|a|\n|-|\n", "* * *\n", "    a\n", "a" + " " * 98, "a  \n"),
]
SHAPES = {
    "backquotes that grow": "".join("`" * number + " " for number in range(140)),
    "quotes that deepen": "".join(">" * number + "a\n" for number in range(135)),
    "lists that deepen": "\n".join("  " * number + "- x" for number in range(95)),
    "lazy lines in deep quotes": ">" * 18 + "a\n" * 5_000,
    "lazy lines in deep lists": "- " * 9 + "a\n" * 5_000,
    "nested emphasis": "*a " * 1_600 + " b*" * 1_600,
    "nested links": "[" * 2_500 + "a" + "](b)" * 1_800,
    "nested images": "![" * 1_800 + "a" + "](b)" * 1_600,
    "one URL for many links": "[a]: /" + "b" * 5_000 + "\n\n" + "[a]" * 1_600,
    "many definitions": "".join(f"[a{number}]: /{number}\n" for number in range(900)),
    "each definition in another": "".join(f"[a{n}]: /u '[a{n + 1}]'\n\n" for n in range(450)),
    "definitions and code": "".join(f"[a{n}]: /u\n\n[a{n + 1}] `\n\n" for n in range(450)),
    "cells that a table lacks": "|a" * 99 + "|\n" + "|-" * 99 + "|\n" + "a\n" * 4_700,
    "cells that a head has": "|a" * 2_000 + "|\n" + "|-" * 2_000 + "|\n" + "a\n" * 900,
    "cells beyond the head": "|a|\n|-|\n" + "|" * 9_900,
    "escaped cells": "|a|\n|-|\n" + "|" + "\\|" * 4_900,
    "one long entity": "&#" + "1" * 9_990,
    "one long address": "a" * 9_990 + "@b.c",
    "one long domain": "a@" + "b." * 4_990,
    "full stops after a link": "http://a" + "." * 9_900,
    "parentheses in a link": "http://a" + "(" * 4_900 + ")" * 4_900,
    "unclosed title": "[a]: /b '" + "\n'x" * 3_300,
    "dense code": "```python\n" + "x=a+b;" * 1_660,
    "code of many fences": "```c\n+\n```\n" * 830,
    "code of signs": "```json\n" + "[" * 9_900,
}
SLOW = {repr(part): _fill(part) for part in REPEATED}
SLOW |= {f"{part!r} on lines": _fill(part + "\n") for part in REPEATED[::5]}
SLOW["fences on lines"] = _fill("```\n\n")
SLOW |= {name: source[:CHARACTERS] for name, source in SHAPES.items()}
