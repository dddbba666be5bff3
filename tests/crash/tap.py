# SPDX-License-Identifier: LGPL-2.1-or-later
"""Test results as TAP."""
import sys


class Tap:
    def __init__(self):
        self.count = self.failures = 0

    def check(self, what, wrong):
        """One test, passed when wrong is empty; else its lines tell why not."""
        self.count += 1
        print(f"{'not ' if wrong else ''}ok {self.count} - {what}")
        for line in wrong:
            print(f"# {line}")
        self.failures += bool(wrong)
        sys.stdout.flush()

    def note(self, text):
        print(f"# {text}", flush=True)

    def skip(self, what, why):
        self.count += 1
        print(f"ok {self.count} - {what} # SKIP {why}", flush=True)

    def finish(self):
        print(f"1..{self.count}")
        sys.exit(1 if self.failures else 0)


def skip_all(why):
    print(f"1..0 # SKIP {why}")
    sys.exit(0)
