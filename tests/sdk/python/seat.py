"""A user's place in a room: the SDK's subscription, and everything that the room told."""

import asyncio

from centrifuge import SubscriptionEventHandler

from wait import Growing, deadline


class Seat(SubscriptionEventHandler):
    def __init__(self, user, room, data=None):
        self.user = user
        #: What the room told: messages, and what happened.
        self.told = Growing()
        #: How much of it was read.
        self.read = 0
        self.entered = asyncio.get_running_loop().create_future()
        self.ended = asyncio.get_running_loop().create_future()
        self.subscription = user.client.new_subscription(f"room:{room}", events=self, data=user.encode(data or {}))

    async def on_subscribed(self, ctx):
        if not self.entered.done():
            self.entered.set_result(self.user.decode(ctx.data))

    async def on_unsubscribed(self, ctx):
        if not self.ended.done():
            self.ended.set_result(ctx.code)

    async def on_publication(self, ctx):
        self.told.push(self.user.decode(ctx.pub.data))

    async def enter(self):
        """Enters, and returns what the room says then."""
        await self.subscription.subscribe()
        return await deadline(self.entered, "a user is in the room")

    async def removed(self):
        """The code with which the subscription ends."""
        return await deadline(self.ended, "a user has to go")

    async def next(self):
        """The next thing that the room tells."""
        told = await self.told.until_count(self.read + 1)
        self.read += 1
        return told[self.read - 1]

    async def next_text(self):
        """The text of the next message; what else happened is skipped."""
        while (told := await self.next())["type"] == "room":
            pass
        return told["elements"][0]["text"]

    async def next_event(self, event):
        """The next thing of this kind that happened; what else was told is skipped."""
        while (told := await self.next()).get("event") != event:
            pass
        return told
