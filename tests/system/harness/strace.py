# SPDX-License-Identifier: MIT
"""Faults that the kernel seems to make, by strace's injection.

    start_gateway(wrapper=strace.command("pwrite64:error=EIO:when=3"))  each thread's third one fails
    start_gateway(wrapper=strace.delayed("fdatasync", 0.2))             each takes that long

The gateway stays the process that was started: signals and its exit code are its own.
"""
import functools
import os
import signal
import subprocess

import pytest


@functools.lru_cache(maxsize=None)
def refusal():
    """Why processes cannot be traced here, or None."""
    try:
        done = subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO", "true"],
                              capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError:
        return "strace is not installed"
    return None if done.returncode == 0 else f"strace may not trace here: {done.stderr.strip()}"


def need():
    if refusal():
        pytest.skip(refusal())


def command(injection, output="/dev/null"):
    need()
    name = injection.partition(":")[0]
    # strace 6.1 loses injected signals when only traced calls stop.
    quick = [] if ":signal=" in injection else ["--seccomp-bpf"]
    return ["strace", "-D", "-f", *quick, "-qq", "-o", str(output), "-e", f"trace={name}",
            "-e", f"inject={injection}"]


def delayed(call, seconds):
    return command(f"{call}:delay_exit={int(seconds * 1000000)}")


def options():
    """Leaks cannot be looked for in a process that is traced."""
    given = os.environ.get("ASAN_OPTIONS", "")
    return {"ASAN_OPTIONS": (given + ":" if given else "") + "detect_leaks=0"}


def end(gateway):
    """SIGKILL, expected."""
    gateway.expected_code = -signal.SIGKILL
    gateway.process.send_signal(signal.SIGKILL)
    return gateway.wait_ended()
