"""A wire that can be cut: a TCP forwarder between clients and the server."""

import asyncio
from urllib.parse import urlsplit


class Proxy:
    """Forwards to a server. `cut` breaks every connection without a farewell, `cut_after` once that much came down."""

    def __init__(self, url):
        self._target = urlsplit(url)
        self._writers = set()
        self._budget = None
        self._spent = asyncio.Event()
        self._listener = None
        self.url = ""

    @classmethod
    async def start(cls, url):
        proxy = cls(url)
        proxy._listener = await asyncio.start_server(proxy._forward, "127.0.0.1", 0)
        proxy.url = f"http://127.0.0.1:{proxy._listener.sockets[0].getsockname()[1]}"
        return proxy

    async def _forward(self, reader, writer):
        try:
            up_reader, up_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, up_writer)
        self._writers.update(pair)
        await asyncio.gather(self._copy(reader, up_writer, pair), self._copy(up_reader, writer, pair, True))
        self._writers.difference_update(pair)

    async def _copy(self, reader, writer, pair, is_down=False):
        try:
            while data := await reader.read(65536):
                if is_down and self._budget is not None:
                    writer.write(data[: self._budget])
                    self._budget -= len(data)
                    if self._budget <= 0:
                        self.cut()
                else:
                    writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            for end in pair:
                end.transport.abort()

    def cut(self):
        self._budget = None
        self._spent.set()
        for writer in list(self._writers):
            writer.transport.abort()

    async def cut_after(self, count):
        """Returns once it is cut."""
        self._budget = count
        self._spent.clear()
        await self._spent.wait()

    async def close(self):
        self.cut()
        self._listener.close()
        await self._listener.wait_closed()
