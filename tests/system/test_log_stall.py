# SPDX-License-Identifier: MIT
"""A log that nobody reads must not stop the gateway: lines are dropped and counted, requests go on."""
import os
import signal
import subprocess

from harness import gateway as harness
from harness.client import Client
from harness.issuer import AUDIENCE
from harness.wait import PATIENCE, wait_until

LONG_PATH = "/api/" + "x" * 4000


def listening_port(pid):
    """The public port, found in /proc, since the log cannot be read here."""
    inodes = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            continue
        if link.startswith("socket:["):
            inodes.add(link[8:-1])
    ports = []
    with open("/proc/net/tcp", encoding="ascii") as file:
        for line in file.readlines()[1:]:
            parts = line.split()
            if parts[3] == "0A" and parts[9] in inodes:
                ports.append(int(parts[1].split(":")[1], 16))
    # One admin listener, and one public listener for each of the two workers.
    public = [port for port in ports if ports.count(port) == 2]
    return public[0] if public and len(ports) == 3 else None


def test_a_stalled_log_stalls_no_request(issuer, engine, tmp_path):
    options = {"HOST": "127.0.0.1", "PORT": "0", "ADMIN_PORT": "0", "WORKERS": "2",
               "OIDC_ISSUER": issuer.url, "OIDC_AUD": AUDIENCE, "ENGINE_URL": engine.url}
    reader, writer = os.pipe()
    with subprocess.Popen([harness.BINARY, "serve"], cwd=tmp_path, stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=writer,
                          env=harness.environment(tmp_path, options)) as process:
        os.close(writer)
        try:
            port = wait_until(lambda: listening_port(process.pid), "the gateway to listen")
            # Each line is over 2 KiB: 4,000 of them are far more than the pipe and the buffer hold.
            with Client(("127.0.0.1", port)) as client:
                for _ in range(4000):
                    assert client.ask("GET", LONG_PATH).status == 401
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE) == 0
        finally:
            process.kill()
            os.close(reader)
