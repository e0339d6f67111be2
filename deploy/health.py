"""Check whether an instance answers on its own socket."""

import http.client
import socket


def is_healthy(address: str, seconds: float) -> bool:
    """Request /healthz; *address* is in gunicorn's form: "unix:/PATH" or "HOST:PORT"."""
    connection = http.client.HTTPConnection("localhost")
    try:
        if address.startswith("unix:"):
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(seconds)
            connection.sock.connect(address.removeprefix("unix:"))
        else:
            host, _, port = address.rpartition(":")
            connection.sock = socket.create_connection((host, int(port)), seconds)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
