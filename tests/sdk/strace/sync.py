"""Runs the server under strace and checks that every answer waited for the sync of what its call wrote.

The crash test kills the server, but the page cache survives that; this sees what the crash test cannot. First calls come one
by one, so that the last write to a journal before an answer is its call's own; then 8 callers at once, whose calls share
commits and are told apart by their texts.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))

from strace_log import Trace  # noqa: E402

from server import Server  # noqa: E402
from wait import deadline  # noqa: E402

ALONE = 50
CALLERS = 8
CALLS_EACH = 25
RECIPIENTS = [f"synced{number}" for number in range(20)]
SYSCALLS = "write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync"


async def send(server):
    """Sends one batch. Answers with its text, and the one pair of name and id that only its answer holds."""
    text = uuid.uuid4().hex
    fields = {
        "fromAccid": "sender", "toAccids": json.dumps(RECIPIENTS), "type": "0",
        "body": json.dumps({"msg": text}), "returnMsgid": "true",
    }
    answer = await server.must("msg/sendBatchMsg", fields)
    first = RECIPIENTS[0]
    return text, f'"{first}":{json.dumps(answer["msgids"][first])}'


async def run(log):
    wrapper = ["strace", "-f", "-yy", "-s", "65536", "-e", f"trace={SYSCALLS}", "-e", "signal=none", "-o", str(log)]
    server = await Server.start(wrapper)
    await server.create("sender", *RECIPIENTS)
    alone = [await send(server) for _ in range(ALONE)]

    async def caller():
        return [await send(server) for _ in range(CALLS_EACH)]

    together = sum(await asyncio.gather(*(caller() for _ in range(CALLERS))), [])
    # The server, not strace: strace ends with what it watches, and with its code.
    os.kill(json.loads((server.data / "server.json").read_text())["pid"], signal.SIGTERM)
    await deadline(server.process.wait(), "the server and strace end")
    await server.stop()
    return alone, together, server.data / "store"


def check(log, alone, together, store):
    trace = Trace(log.read_text(errors="replace").splitlines(), lambda path: path.startswith(f"{store}/") and path.endswith(".jnl"))
    after = 0
    for _, mark in alone:
        after = trace.check_alone(mark, after)
    for text, mark in together:
        trace.check_among_others(mark, text)
    return len(trace.journal), len(trace.syncs)


def main():
    with tempfile.TemporaryDirectory(prefix="carillon-strace-") as directory:
        log = Path(directory) / "strace.log"
        alone, together, store = asyncio.run(run(log))
        writes, syncs = check(log, alone, together, store)
    print(f"ok: {len(alone) + len(together)} calls, {writes} writes to journals, {syncs} syncs, each before its answers")


main()
