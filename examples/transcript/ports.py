"""The ports that a transcript names, and the free ones that replace them.

A person types 8000 and 8080. The player replaces each with a free port, so that transcripts can
run concurrently, and beside other servers.
"""

import re

from examples.transcript.machine import free_port

# gunicorn's default.
DEFAULT = "8000"
UNBOUND = re.compile(r"\bgunicorn (?!.*--bind)|\bngw2f serve\b")
PORT = re.compile(r"(?<![\w.-])(80[08]\d)(?![\w.-])")
# In output, such a number may be a length, unless a host or a quote precedes it.
PORT_SEEN = re.compile(r"(?:(?<=[\w\]]:)|(?<=[ (=]'))(80[08]\d)(?!\w)")


class Ports:
    """Written ports, each with its free replacement."""

    def __init__(self) -> None:
        self.free: dict[str, str] = {}

    def __getitem__(self, written: str) -> str:
        if written not in self.free:
            self.free[written] = str(free_port())
        return self.free[written]

    def named_in(self, command: str) -> list[str]:
        """Return the free ports for those that a command may serve on."""
        default = [DEFAULT] if UNBOUND.search(command) else []
        return [self[port] for port in default + PORT.findall(command)]

    def in_command(self, text: str) -> str:
        """Return a command, or a program's file, with free ports."""
        return PORT.sub(lambda port: self[port[0]], text)

    def in_seen(self, line: str) -> str:
        """Return an expected line with free ports."""
        return PORT_SEEN.sub(lambda port: self[port[0]], line)

    def as_written(self, printed: bytes) -> bytes:
        """Return a program's output with the transcript's ports."""
        for written, free in self.free.items():
            printed = printed.replace(free.encode(), written.encode())
        return printed
