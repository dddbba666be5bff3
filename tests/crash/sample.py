# SPDX-License-Identifier: LGPL-2.1-or-later
"""Campaigns that take long are sampled; CERTWRIGHT_TESTS_FULL=1 (tests/run --full) does all of them.

The seed is CERTWRIGHT_TESTS_SEED, or another one each time. It is printed, and chooses the same points again.
"""
import os
import random

FULL = os.environ.get("CERTWRIGHT_TESTS_FULL", "0") not in ("", "0")
SEED = int(os.environ.get("CERTWRIGHT_TESTS_SEED") or int.from_bytes(os.urandom(4), "big"))


def note(tap):
    tap.note(f"seed {SEED}" + (", all of it" if FULL else ", a sample"))


def dice(what):
    """Random numbers for a part of a test, the same whatever the other parts did."""
    return random.Random(f"{SEED} {what}")


def choose(points, share, what):
    """One in share of these, the first and the last among them, in their order."""
    points = list(points)
    if FULL or len(points) <= 2:
        return points
    middle = range(1, len(points) - 1)
    some = dice(what).sample(middle, -(-len(middle) // share))
    return [points[i] for i in sorted({0, len(points) - 1, *some})]


def size(full, sampled):
    return full if FULL else sampled
