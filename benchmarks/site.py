"""A site for links, in a process of its own: pages, paths that hang, and request counts.

It listens on many loopback addresses, each of which is a site. `/hang...` is never answered,
`/-/counts` returns how often each path was requested, any other path is a page.

Run: python -m benchmarks.site ADDRESSES; it prints its port.
"""

import asyncio
import json
import sys
from collections import Counter

PAGE = "<title>Page {path}</title><p>A page of the benchmark."


def address(number: int) -> str:
    """Return the loopback address with this number, from 1 on."""
    return f"127.0.{number // 250}.{number % 250 + 1}"


class Site:
    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            if path.startswith("/hang"):
                self._counts[path] += 1
                await reader.read()
                return
            media, body = "text/html", PAGE.format(path=path)
            if path == "/-/counts":
                media, body = "application/json", json.dumps(self._counts)
            else:
                self._counts[path] += 1
            headers = f"Content-Type: {media}\r\nContent-Length: {len(body)}\r\n"
            writer.write(f"HTTP/1.1 200 OK\r\n{headers}Connection: close\r\n\r\n{body}".encode())
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # The worker was killed, or gave up.
        finally:
            writer.close()


async def main() -> None:
    site = Site()
    first = await asyncio.start_server(site.answer, address(1), 0, backlog=1024)
    port = first.sockets[0].getsockname()[1]
    others = [address(number) for number in range(2, int(sys.argv[1]) + 1)]
    servers = [first]
    if others:
        servers.append(await asyncio.start_server(site.answer, others, port, backlog=1024))
    print(port, flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main())
