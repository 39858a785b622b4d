"""The checker finds what it is there to find."""

import unittest

from strace_log import Trace

JOURNAL = "/tmp/d/data/store/0.jnl"
WRITE = f'7 write(9<{JOURNAL}>, "hello-1", 7) = 7'
SYNC = f"7 fdatasync(9<{JOURNAL}>) = 0"
ANSWER = '8 sendto(12<TCP:[127.0.0.1:80->127.0.0.1:99]>, "HTTP/1.1 200 OK\\r\\n{\\"msgids\\":{\\"a\\":\\"41\\"}}", 40, 0, NULL, 0) = 40'
SYNC_BEGINS = f"7 fdatasync(9<{JOURNAL}> <unfinished ...>"
SYNC_ENDS = "7 <... fdatasync resumed>) = 0"


def trace(*lines):
    return Trace(lines, lambda path: path.endswith(".jnl"))


class Checker(unittest.TestCase):
    def refuses(self, *lines):
        with self.assertRaises(AssertionError):
            trace(*lines).check_alone('"a":"41"', 0)
        with self.assertRaises(AssertionError):
            trace(*lines).check_among_others('"a":"41"', "hello-1")

    def test_a_sync_between_the_write_and_the_answer_is_what_it_wants(self):
        for lines in ([WRITE, SYNC, ANSWER], [WRITE, SYNC_BEGINS, WRITE.replace("hello-1", "x").replace("7 w", "5 w"), SYNC_ENDS, SYNC, ANSWER]):
            trace(*lines).check_alone('"a":"41"', 0)
            trace(*lines).check_among_others('"a":"41"', "hello-1")

    def test_an_answer_without_a_sync_is_refused(self):
        self.refuses(WRITE, ANSWER)

    def test_an_answer_before_the_sync_is_refused(self):
        self.refuses(WRITE, ANSWER, SYNC)

    def test_an_answer_while_the_sync_still_runs_is_refused(self):
        self.refuses(WRITE, SYNC_BEGINS, ANSWER, SYNC_ENDS)

    def test_a_sync_that_failed_or_began_before_the_write_is_refused(self):
        self.refuses(WRITE, SYNC.replace("= 0", "= -1 EIO (Input/output error)"), ANSWER)
        self.refuses(SYNC_BEGINS, WRITE.replace("7 w", "5 w"), SYNC_ENDS, ANSWER)

    def test_the_sync_of_another_file_is_refused(self):
        self.refuses(WRITE, SYNC.replace("0.jnl", "1.jnl"), ANSWER)

    def test_an_answer_without_any_write_is_refused(self):
        self.refuses(SYNC, ANSWER)


if __name__ == "__main__":
    unittest.main()
