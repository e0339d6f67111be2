"""Show the difference between received and expected output, in the notation of transcripts."""

import difflib
from collections.abc import Sequence

from examples.transcript.names import pattern
from examples.transcript.notation import shown


def difference(
    lines: Sequence[str], taken: bytes, rest: bytes, values: dict[str, str], *, is_closed: bool
) -> str:
    """Return a diff of the lines and the received bytes: those matched to them, and the rest."""
    wanted = [f"< {line}" for line in lines]

    def named(line: str) -> str:
        """Return the transcript's line that this one may match, or itself."""
        same = (w for w in wanted if pattern(w, "", values).fullmatch(line.encode()))
        return next(same, line)

    # Matched lines appear as in the transcript, with its names.
    matched = len(shown(taken))
    came = wanted[:matched] + [named(f"< {line}") for line in shown(taken + rest)[matched:]]
    if is_closed:
        came.append("(the connection is closed)")
    return "\n".join(difflib.unified_diff(wanted, came, "transcript", "answer", lineterm=""))
