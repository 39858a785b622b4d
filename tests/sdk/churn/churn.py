"""Catch-up under load with the Python SDK: while 8 callers send batches, clients are cut at random moments. Each must see
every offset of its inbox once, rising, and at the end as many as were sent to it.

CHURN_CUTS: how many cuts; CHURN_SEED: what chance starts from (printed; interleaving still differs from run to run);
CHURN_LIMIT_S: the time that all may take. A breach of the promise ends with 1 and says which.
"""

import asyncio
import os
import random
import sys
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))

from proxy import Proxy  # noqa: E402
from server import Server  # noqa: E402
from user import ENCODINGS, User, text_of  # noqa: E402
from wait import deadline  # noqa: E402

CUTS = int(os.environ.get("CHURN_CUTS", "500"))
SEED = int(os.environ.get("CHURN_SEED") or random.SystemRandom().randrange(2**32))
LIMIT_S = float(os.environ.get("CHURN_LIMIT_S", "900"))
ACCOUNTS = 24
CALLERS = 8
KINDS = ["wire", "bytes", "leave", "restart"]


class Inbox:
    """What came into one inbox, over all the clients that its account had one after the other."""

    def __init__(self, account, broken):
        self.account = account
        self.broken = broken
        self.last = 0
        self.texts = set()
        self._waiters = []

    def push(self, entry):
        offset, data = entry
        text = text_of(data)
        if offset != self.last + 1:
            self.broken(f"{self.account}: offset {offset} after {self.last}")
        if text in self.texts:
            self.broken(f'{self.account}: "{text}" came twice, at last as offset {offset}')
        self.texts.add(text)
        self.last = offset
        for count, reached in self._waiters:
            if offset >= count and not reached.done():
                reached.set_result(None)
        self._waiters = [waiter for waiter in self._waiters if not waiter[1].done()]

    async def until(self, count):
        if self.last >= count:
            return
        reached = asyncio.get_running_loop().create_future()
        self._waiters.append((count, reached))
        await deadline(reached, f"{self.account} has {count} entries", lambda: f"it has {self.last}", 60)


class Device(User):
    """A user's device that may not be turned away."""

    def __init__(self, url, inbox, **options):
        super().__init__(url, **options)
        self.inbox = inbox

    async def on_disconnected(self, ctx):
        await super().on_disconnected(ctx)
        if ctx.code > 0:
            self.inbox.broken(f"{self.inbox.account} was turned away: {ctx.code} {ctx.reason}")


class Run:
    def __init__(self, server):
        self.server = server
        self.chance = random.Random(SEED)
        self.cuts_left = CUTS
        self.cuts = dict.fromkeys(KINDS, 0)
        self.sending = True
        self.calls = 0
        self.names = [f"churn{number}" for number in range(ACCOUNTS)]
        self.sent = dict.fromkeys(self.names, 0)
        # What breaks the promise ends the run, wherever it is noticed.
        self.breach = asyncio.get_running_loop().create_future()

    def broken(self, text):
        if not self.breach.done():
            self.breach.set_exception(AssertionError(text))

    async def caller(self, number):
        call = 0
        while self.sending:
            to = [name for name in self.names if self.chance.randrange(3) == 0]
            if not to:
                continue
            call += 1
            headers = {"RequestId": uuid.uuid4().hex}
            text = f"{number}/{call}"
            first = await self.server.send("sender", to, text, headers)
            for name in to:
                self.sent[name] += 1
            self.calls += 1
            if self.chance.randrange(10) == 0:
                again = await self.server.send("sender", to, text, headers)
                if again["timetag"] != first["timetag"]:
                    self.broken(f"a repeated RequestId was sent again: {text}")

    async def device(self, name, encoding):
        """One account's device, which is cut again and again until the cuts are used up; then it stays."""
        proxy = await Proxy.start(self.server.url)
        inbox = Inbox(name, self.broken)

        def client(data):
            return Device(proxy.url, inbox, encoding=encoding, token=self.server.token(name), data=data)

        user = await client({"device": name}).connect()
        while self.cuts_left > 0:
            self.cuts_left -= 1
            kind = self.chance.choice(KINDS)
            seen = len(user.events.items)
            if kind == "wire":
                proxy.cut()
            elif kind == "bytes":
                await proxy.cut_after(1 + self.chance.randrange(5_000))
            elif kind == "leave":
                await user.client.disconnect()
                await user.client.connect()
            else:
                await user.close()
                user = client({"device": name, "inbox": user.position})
                seen = 0
                await user.client.connect()
            self.cuts[kind] += 1
            # One in four is cut again before it is back.
            if self.chance.randrange(4) > 0:
                await user.next("connected", seen)
                await inbox.until(inbox.last + self.chance.randrange(6))
        return user, inbox, proxy

    async def all(self):
        await self.server.create("sender", *self.names)
        callers = [asyncio.ensure_future(self.caller(number)) for number in range(CALLERS)]
        devices = await asyncio.gather(
            *(self.device(name, ENCODINGS[number % 2]) for number, name in enumerate(self.names))
        )
        self.sending = False
        await asyncio.gather(*callers)
        for _, inbox, _ in devices:
            await inbox.until(self.sent[inbox.account])
        # A copy too many would come before the answer to a question that is asked now.
        for user, _, _ in devices:
            await user.client.presence_stats("inbox")
        for _, inbox, _ in devices:
            if inbox.last != self.sent[inbox.account]:
                self.broken(f"{inbox.account}: {self.sent[inbox.account]} were sent, {inbox.last} came")
        for user, _, proxy in devices:
            await user.close()
            await proxy.close()


async def main():
    print(f"churn with the Python SDK: {CUTS} cuts, CHURN_SEED={SEED}", flush=True)
    server = await Server.start()
    run = Run(server)
    whole = asyncio.ensure_future(run.all())
    try:
        await asyncio.wait({whole, run.breach}, timeout=LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
        for done in (run.breach, whole):
            if done.done():
                done.result()
        if not whole.done():
            raise TimeoutError(f"not done after {LIMIT_S} s: {run.cuts}")
        await server.stop()
    except Exception as error:
        lines = "\n".join(server.log[-20:])
        print(f"FAILED (CHURN_SEED={SEED}): {error!r}\nthe server's last lines:\n{lines}", file=sys.stderr, flush=True)
        server.process.kill()
        os._exit(1)
    copies = sum(run.sent.values())
    print(f"ok: {run.cuts}, {run.calls} calls, {copies} copies, each once and in order")


asyncio.run(main())
