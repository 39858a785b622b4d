"""A server of a test: `carillon serve` as a process of its own, on a free port, with a data directory that goes with it.

Also its app's backend: signed calls as the vendor documents them, and tokens as an app's own backend mints them.
"""

import asyncio
import base64
import hashlib
import hmac
import http.client
import json
import os
import queue
import shutil
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from wait import deadline

KEY = "shop-key"
SECRET = "shop-secret"
APP = "shop"
TOKEN_SECRET = "the-secret-of-the-sdk-tests-0123456789"

CONFIG = f"""
[[apps]]
name = "{APP}"
token_secret = "{TOKEN_SECRET}"
netease = {{ app_key = "{KEY}", app_secret = "{SECRET}" }}
create_unknown_accounts = false
"""
UNLIMITED = 'limits = "unlimited"'

CALLERS = 32


class Server:
    """A running server. Use `await Server.start()`."""

    def __init__(self, process, directory):
        self.process = process
        self.directory = directory
        self.url = ""
        self.log = []
        self._reader = None
        self._pool = ThreadPoolExecutor(CALLERS)
        self._connections = queue.LifoQueue()

    @classmethod
    async def start(cls, wrapper=(), limits=UNLIMITED):
        """Starts a server, perhaps by another program (`wrapper`), and waits until it listens. `limits` is a line of the
        app's configuration."""
        binary = os.environ.get("CARILLON_BIN")
        if not binary:
            raise RuntimeError("CARILLON_BIN must name the server to test")
        directory = Path(tempfile.mkdtemp(prefix="carillon-python-"))
        config, data = directory / "carillon.toml", directory / "data"
        config.touch(mode=0o600)
        config.write_text(CONFIG + limits + "\n")
        arguments = ["serve", "--config", str(config), "--data", str(data), "--listen", "127.0.0.1:0"]
        process = await asyncio.create_subprocess_exec(
            *wrapper, binary, *arguments, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )
        server = cls(process, directory)
        listens = asyncio.get_running_loop().create_future()
        server._reader = asyncio.ensure_future(server._read_log(listens))
        await deadline(listens, "the server listens", lambda: "\n".join(server.log))
        server.url = json.loads((data / "server.json").read_text())["url"]
        return server

    @property
    def data(self):
        return self.directory / "data"

    async def _read_log(self, listens):
        async for line in self.process.stderr:
            text = line.decode(errors="replace").rstrip()
            self.log = [*self.log[-199:], text]
            if "listening on" in text and not listens.done():
                listens.set_result(None)
        if not listens.done():
            listens.set_exception(RuntimeError("the server ended:\n" + "\n".join(self.log)))

    async def stop(self):
        """Stops it as an operator would, and removes its data."""
        if self.process.returncode is None:
            self.process.terminate()
        code = await deadline(self.process.wait(), "the server stops", lambda: "\n".join(self.log))
        await self._reader
        self._pool.shutdown()
        while not self._connections.empty():
            self._connections.get_nowait().close()
        shutil.rmtree(self.directory, ignore_errors=True)
        if code != 0:
            raise RuntimeError(f"the server ended with {code}:\n" + "\n".join(self.log))

    async def call(self, name, fields, headers=None):
        """Calls `msg/sendBatchMsg` and the like, and returns the answer."""
        loop = asyncio.get_running_loop()
        return json.loads(await loop.run_in_executor(self._pool, self._post, name, fields, headers or {}))

    def _post(self, name, fields, headers):
        nonce, moment = uuid.uuid4().hex, str(int(time.time()))
        signed = {
            "AppKey": KEY,
            "Nonce": nonce,
            "CurTime": moment,
            "CheckSum": hashlib.sha1((SECRET + nonce + moment).encode()).hexdigest(),
            "Content-Type": "application/x-www-form-urlencoded;charset=utf-8",
        }
        try:
            connection = self._connections.get_nowait()
        except queue.Empty:
            address = urlsplit(self.url)
            connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
        connection.request("POST", f"/nimserver/{name}.action", urlencode(fields), {**signed, **headers})
        answer = connection.getresponse()
        text = answer.read()
        self._connections.put(connection)
        if answer.status != 200:
            raise RuntimeError(f"{name} answered {answer.status}: {text!r}")
        return text

    async def must(self, name, fields, headers=None):
        """As `call`, but the answer must be a success."""
        answer = await self.call(name, fields, headers)
        if answer["code"] != 200:
            raise RuntimeError(f"{name} answered {answer}")
        return answer

    async def create(self, *accounts):
        """Creates accounts; the static token of each is its name with `-token`."""
        for account in accounts:
            await self.must("user/create", {"accid": account, "name": account, "token": f"{account}-token"})

    async def send(self, sender, to, text, headers=None):
        """Sends a text to accounts."""
        fields = {"fromAccid": sender, "toAccids": json.dumps(to), "type": "0", "body": json.dumps({"msg": text})}
        return await self.must("msg/sendBatchMsg", fields, headers)

    def token(self, account, expires_in=3600, secret=TOKEN_SECRET):
        """A token for a user of the app, as its backend mints it."""

        def part(value):
            return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

        claims = {"sub": account, "iss": APP, "exp": int(time.time()) + expires_in}
        head = ".".join(part(json.dumps(value).encode()) for value in ({"alg": "HS256", "typ": "JWT"}, claims))
        return f"{head}.{part(hmac.new(secret.encode(), head.encode(), hashlib.sha256).digest())}"
