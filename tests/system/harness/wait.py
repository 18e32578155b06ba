# SPDX-License-Identifier: MIT
"""Waiting with a deadline: a test says what it waits for, never how long that takes."""
import time

# Far longer than anything here takes, so that only what hangs runs into it.
PATIENCE = 10.0


def wait_until(condition, what, seconds=PATIENCE):
    """Returns the first true value of <condition>; fails naming <what> when none comes."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.005)
