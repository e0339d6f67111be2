"""Send requests repeatedly, and print each new answer: python ask.py PORT."""

import socket
import sys
import time

NONE = "no answer"


def ask(port: int) -> str:
    """Return the body of an answer, or a note that there was none."""
    try:
        with socket.create_connection(("127.0.0.1", port), 60) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with connection.makefile("rb") as answer:
                return answer.read().partition(b"\r\n\r\n")[2].decode().strip() or NONE
    except OSError:
        return NONE


def main() -> None:
    seen: set[str] = set()
    while True:
        answer = ask(int(sys.argv[1]))
        if answer not in seen:
            seen.add(answer)
            print(answer, flush=True)
        time.sleep(0.01)


if __name__ == "__main__":
    main()
