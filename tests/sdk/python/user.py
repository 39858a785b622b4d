"""A user's device: the official SDK, and everything that it told the app."""

import json

from centrifuge import Client, ClientEventHandler

from server import APP
from wait import Growing

ENCODINGS = ["json", "protobuf"]


class User(ClientEventHandler):
    """`options` are those of the SDK's client."""

    def __init__(self, url, encoding="json", data=None, **options):
        #: What came into the inbox: `(offset, data)`.
        self.inbox = Growing()
        #: All other events: `(name, context)`.
        self.events = Growing()
        #: The position after the last entry that came in.
        self.position = (data or {}).get("inbox")
        self.protobuf = encoding == "protobuf"
        self.client = Client(
            f"{url.replace('http', 'ws', 1)}/connection/websocket",
            events=self, use_protobuf=self.protobuf, data=self.encode(data) if data else None,
            min_reconnect_delay=0.001, max_reconnect_delay=0.05, proxy=None, **options,
        )

    def encode(self, value):
        return json.dumps(value).encode() if self.protobuf else value

    def decode(self, value):
        return json.loads(value) if self.protobuf else value

    async def on_connecting(self, ctx):
        self.events.push(("connecting", ctx))

    async def on_connected(self, ctx):
        self.events.push(("connected", ctx))

    async def on_disconnected(self, ctx):
        self.events.push(("disconnected", ctx))

    async def on_error(self, ctx):
        self.events.push(("error", ctx))

    async def on_unsubscribed(self, ctx):
        self.events.push(("unsubscribed", ctx))

    async def on_subscribed(self, ctx):
        if ctx.channel == "inbox":
            # Only the epoch matters once entries came.
            offset = self.position["offset"] if self.position else ctx.stream_position.offset
            self.position = {"offset": offset, "epoch": ctx.stream_position.epoch}
        self.events.push(("subscribed", ctx))

    async def on_publication(self, ctx):
        assert ctx.channel == "inbox", ctx
        if ctx.pub.offset:
            self.position = {**self.position, "offset": ctx.pub.offset}
        self.inbox.push((ctx.pub.offset, self.decode(ctx.pub.data)))

    async def connect(self):
        """Connects, and waits until the inbox is there."""
        before = len(self.events.items)
        await self.client.connect()
        await self.next("subscribed", before)
        return self

    async def next(self, name, skip=0):
        """The context of an event after the first `skip` ones."""

        def pick(events):
            return next((context for event, context in events[skip:] if event == name), None)

        return await self.events.until(pick, f'the app hears "{name}"')

    def count(self, name):
        return sum(event == name for event, _ in self.events.items)

    def texts(self):
        return [text_of(data) for _, data in self.inbox.items]

    def offsets(self):
        return [offset for offset, _ in self.inbox.items]

    async def rpc(self, method, params):
        return self.decode((await self.client.rpc(method, self.encode(params))).data)

    async def close(self):
        await self.client.disconnect()


def static_login(account, **more):
    """Connect data of a login with the account's static token."""
    return {"app": APP, "account": account, **more}


def text_of(message):
    """The text of a text message."""
    return message["elements"][0]["text"]
