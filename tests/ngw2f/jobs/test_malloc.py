"""What a worker's memory grows to while all that it fetches means ill. Linux's /proc tells."""

import gzip
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from PIL import Image
from sqlalchemy import update

from ngw2f.jobs.context import JobContext
from ngw2f.links.guard.media import MAX_IMAGE_BYTES, MEGABYTE
from ngw2f.settings import Settings
from ngw2f.store.schema import previews as table
from tests.client import Client
from tests.ngw2f.links.guard.test_fetch_hostile import flood
from tests.ngw2f.links.lab import Site, answer, read_request
from tests.ngw2f.links.preview.test_thumbnail import JPEG, insert, jpeg_of_scans, png_of_texts
from tests.waiting import HANGING_SECONDS, wait_until

MAX_MEGABYTES = 200
SITES_OF_A_KIND = 2
# Pages with a bomb, and the endless one, have their preview all the same.
WORTH_ONE = 9
TRIES = 15


def image(media: str, mode: str, pixels: int, **options: bool | list[Image.Image]) -> bytes:
    """Return a picture as large as is decoded, of a few bytes."""
    side = int(pixels**0.5)
    output = BytesIO()
    Image.new(mode, (side, side), 0).save(output, media, **options)
    return output.getvalue()


def page_with(media: str, body: bytes) -> Callable[[socket.socket], None]:
    """Serve a page, and at its picture's address the bomb."""
    page = answer(b'<title>A page</title><meta property="og:image" content="/bomb">')
    bomb = answer(body, media=f"image/{media.lower()}")

    def handle(connection: socket.socket) -> None:
        connection.sendall(bomb if b"/bomb" in read_request(connection) else page)

    return handle


def stall(sent: bytes) -> Callable[[socket.socket], None]:
    """Send a lot and then nothing: what came is held until the fetch gives up."""

    def handle(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(sent)
        connection.recv(1)

    return handle


def hostile_sites() -> dict[str, bytes | Callable[[socket.socket], None]]:
    """Return what answers each request, by its kind. It takes seconds: not at import."""
    frame = Image.new("RGBA", (2000, 2000))
    return {
        "PNG": page_with("PNG", image("PNG", "RGBA", 8_000_000)),
        "large PNG": page_with("PNG", image("PNG", "L", 80_000_000)),
        "JPEG": page_with("JPEG", image("JPEG", "RGB", 12_000_000, progressive=True)),
        "GIF": page_with("GIF", image("GIF", "P", 8_000_000)),
        "PNG texts": page_with("PNG", png_of_texts(64)),
        "JPEG segments": page_with("JPEG", insert(JPEG, 2, b"\xff\xe5\0\2")),
        "JPEG scans": page_with("JPEG", jpeg_of_scans(50_000)),
        "WebP": page_with(
            "WEBP", image("WEBP", "RGBA", 4_000_000, save_all=True, append_images=[frame])
        ),
        "gzip": answer(gzip.compress(bytes(50 * MEGABYTE)), "Content-Encoding: gzip"),
        "brotli": answer(b"\xff" * MEGABYTE, "Content-Encoding: br"),
        "tags": answer(b"<title>x</title>" + b"<meta name=a content=b>" * 44_000),
        "open tags": answer(b"<title>x" + b"<a " * 349_000),
        "entities": answer(b"<title>" + b"&amp;" * 209_000),
        "wide text": answer("<title>\U0001f600".encode() + b"x" * (MEGABYTE - 20)),
        "endless page": flood(answer(), b"x" * 65_536),
        "endless image": flood(answer(b"", media="image/png"), b"x" * 65_536),
        "headers": flood(b"HTTP/1.1 200 OK\r\n", b"X: " + b"x" * 9000 + b"\r\n"),
        "stalled page": stall(answer(b"x" * (MEGABYTE - 1), "Content-Length: 1048576")),
        "stalled image": stall(answer(b"x" * (MAX_IMAGE_BYTES - 1), media="image/png")),
    }


@pytest.fixture
def ports() -> Iterator[list[int]]:
    handlers = hostile_sites().values()
    with ExitStack() as sites:
        yield [
            sites.enter_context(closing(Site(handler))).port
            for _ in range(SITES_OF_A_KIND)
            for handler in handlers
        ]


@pytest.fixture
def settings(settings: Settings, ports: list[int]) -> Settings:
    return msgspec.structs.replace(settings, links_allow=[f"127.0.0.1:{port}" for port in ports])


@pytest.fixture
def worker(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "NGW2F_DATA_DIR": settings.data_dir,
        "NGW2F_DATABASE_URL": settings.database_url,
        "NGW2F_REDIS_URL": settings.redis_url,
        "NGW2F_REDIS_TIMEOUT_SECONDS": str(settings.redis_timeout_seconds),
        "NGW2F_LINKS_ALLOW": ",".join(settings.links_allow),
        # The fetch process is nice: on a busy machine it takes long for the largest pictures.
        "NGW2F_LINKS_TIMEOUT_SECONDS": "30",
        "NGW2F_LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-m", "ngw2f", "worker-process", "--queues=links"]
    process = subprocess.Popen(command, env=environment)
    yield process
    process.terminate()
    process.wait(HANGING_SECONDS)


def most_megabytes(pid: int) -> float:
    """Return the peak memory of a worker's fetch process."""
    (fetch_process,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    status = Path(f"/proc/{fetch_process}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def fetch_again(job_context: JobContext) -> None:
    with job_context.core.database.writing() as connection:
        failed = table.c.title == ""
        connection.execute(update(table).where(failed).values(due_at=time.time(), failures=0))
    job_context.link_wakeup.wake_again()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.slow
def test_memory_stays_bounded(
    client: Client,
    job_context: JobContext,
    render: Callable[[], int],
    ports: list[int],
    worker: subprocess.Popen[bytes],
) -> None:
    ann = client.join("Ann")
    for number in range(0, len(ports), 4):
        some = ports[number : number + 4]
        client.say(ann, " ".join(f"http://127.0.0.1:{port}/" for port in some))
    render()
    shown = 0
    # On a busy machine it may be too slow for some, even so.
    for _ in range(TRIES):
        wait_until(lambda: not job_context.link_outbox.has_due())
        answered = client.get("/api/messages?limit=200").json["messages"]
        assert all(message["rendered"] for message in answered)
        titles = [preview["title"] for message in answered for preview in message["previews"]]
        shown = titles.count("A page")
        if shown == WORTH_ONE * SITES_OF_A_KIND:
            break
        fetch_again(job_context)
    most = most_megabytes(worker.pid)
    assert most < MAX_MEGABYTES, f"{most:.0f} MB"
    assert shown == WORTH_ONE * SITES_OF_A_KIND
