"""A TCP proxy that cuts every connection off after a random time."""

import asyncio
import random
import threading
from typing import cast
from weakref import WeakSet


class CuttingProxy:
    def __init__(self, port: int, seconds: tuple[float, float], seed: int = 1) -> None:
        self._target = port
        self._seconds = seconds
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.port = 0
        self.cuts = 0
        self.is_cutting = True
        self._serving: WeakSet[asyncio.Task[None]] = WeakSet()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait(60)

    def stop(self) -> None:
        """End all connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        # A connection that was just accepted has a task of ours a moment later.
        while asyncio.all_tasks(self._loop):
            for task in self._serving:
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(0.01))
        # Transports are closed a turn of the loop after they were aborted.
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(cast("asyncio.Task[None]", asyncio.current_task()))
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        pumps = [
            asyncio.ensure_future(_pump(reader, far_writer)),
            asyncio.ensure_future(_pump(far_reader, writer)),
        ]
        limit = self._random.uniform(*self._seconds) if self.is_cutting else None
        try:
            done, _ = await asyncio.wait(pumps, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            self.cuts += not done
        finally:
            for pump in pumps:
                pump.cancel()
            writer.transport.abort()
            far_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        return
