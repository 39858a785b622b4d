"""Reads what `strace -f -yy` wrote, and checks in it that answers follow their sync.

A call's time is that of its first line and of its last: another thread's lines may stand between them. Strace writes a
line when it sees the event, and it sees an answer's `write` before the kernel does it, and an `fsync` after it is done. So
"the sync ended on an earlier line than the answer began" is on the safe side.
"""

import re
from dataclasses import dataclass

UNFINISHED = " <unfinished ...>"
LINE = re.compile(r"^(?P<thread>\d+) +(?P<rest>.*)$")
CALL = re.compile(r"^(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+|\?).*$", re.DOTALL)
RESUMED = re.compile(r"^<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)$")
DESCRIPTOR = re.compile(r"^\d+<(?P<what>[^>]*(?:->[^>]*)?)>")

WRITES = {"write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg"}
SYNCS = {"fsync", "fdatasync"}


@dataclass
class Call:
    """A system call on a file or a socket; `begin` and `end` are line numbers."""

    name: str
    what: str
    arguments: str
    result: str
    begin: int
    end: int


def read(lines):
    """The calls, in the order of their ends."""
    begun = {}
    for number, line in enumerate(lines, 1):
        match = LINE.match(line.rstrip("\n"))
        if not match:
            continue
        thread, rest, begin = match["thread"], match["rest"], number
        if rest.endswith(UNFINISHED):
            begun[thread] = (number, rest[: -len(UNFINISHED)])
            continue
        resumed = RESUMED.match(rest)
        if resumed:
            if thread not in begun:
                continue
            begin, head = begun.pop(thread)
            rest = head + resumed["rest"]
        call = CALL.match(rest)
        descriptor = call and DESCRIPTOR.match(call["arguments"])
        if descriptor:
            yield Call(call["name"], descriptor["what"], call["arguments"], call["result"], begin, number)


class Trace:
    """The calls that matter: writes to journals, their syncs, and answers."""

    def __init__(self, lines, is_journal):
        calls = list(read(lines))
        self.journal = [call for call in calls if call.name in WRITES and is_journal(call.what)]
        self.syncs = [call for call in calls if call.name in SYNCS and is_journal(call.what) and call.result == "0"]
        self.answers = [call for call in calls if call.name in WRITES and "HTTP/1.1 200" in call.arguments]

    def answer_with(self, mark):
        """The one answer that contains `mark`, and that not as the beginning of a longer number."""
        written = re.compile(re.escape(mark.replace('"', '\\"')) + r"(?!\d)")
        found = [answer for answer in self.answers if written.search(answer.arguments)]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} answers with {mark}")
        return found[0]

    def check_alone(self, mark, after):
        """Checks a call that had the server to itself since line `after`. Returns the line of its answer."""
        answer = self.answer_with(mark)
        written = [call for call in self.journal if after < call.begin < answer.begin]
        if not written:
            raise AssertionError(f"nothing was written to a journal before the answer with {mark}")
        self._check_synced(written[-1], answer, mark)
        return answer.begin

    def check_among_others(self, mark, text):
        """Checks a call that ran together with others: by its text, which is in what it wrote."""
        answer = self.answer_with(mark)
        written = [call for call in self.journal if text in call.arguments]
        if not written:
            raise AssertionError(f"no journal write holds {text}")
        self._check_synced(written[-1], answer, mark)

    def _check_synced(self, written, answer, mark):
        synced = any(
            sync.what == written.what and written.end < sync.begin and sync.end < answer.begin for sync in self.syncs
        )
        if not synced:
            raise AssertionError(
                f"the answer with {mark} (line {answer.begin}) was written before {written.what} (written to on line "
                f"{written.end}) was synced"
            )
