"""A greeting, with only sockets: python on_sockets.py PORT."""

import socket
import sys
import time
from pathlib import Path


def main() -> None:
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                answer(connection)


def answer(connection: socket.socket) -> None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        more = connection.recv(65536)
        if not more:
            return
        head += more
    path = head.split()[1].decode()
    if path == "/wait":
        while not Path("enough").exists():
            time.sleep(0.01)
    body = f"hello {path.removeprefix('/hello/')}\n".encode()
    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


if __name__ == "__main__":
    main()
