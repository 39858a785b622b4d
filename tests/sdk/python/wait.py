"""Waiting for events with a deadline, so that a test that would hang fails and says what it waited for."""

import asyncio
import os

DEADLINE_S = float(os.environ.get("CARILLON_TEST_DEADLINE_MS", "20000")) / 1000


async def deadline(awaitable, what, details=lambda: "", seconds=DEADLINE_S):
    """Answers as `awaitable`, or fails when it takes too long."""
    try:
        return await asyncio.wait_for(awaitable, seconds)
    except asyncio.TimeoutError:
        raise TimeoutError(f"after {seconds} s still waiting until {what}\n{details()}") from None


class Growing:
    """A list that grows, and on which one can wait."""

    def __init__(self):
        self.items = []
        self._waiters = set()

    def push(self, item):
        self.items.append(item)
        for check in list(self._waiters):
            check()

    async def until(self, pick, what):
        """The first truth that `pick(items)` says."""
        found = pick(self.items)
        if found:
            return found
        future = asyncio.get_running_loop().create_future()

        def check():
            value = pick(self.items)
            if value and not future.done():
                future.set_result(value)

        self._waiters.add(check)
        try:
            return await deadline(future, what, lambda: f"seen: {self.items[-10:]}")
        finally:
            self._waiters.discard(check)

    async def until_count(self, count):
        return await self.until(lambda items: items if len(items) >= count else None, f"there are {count}")
