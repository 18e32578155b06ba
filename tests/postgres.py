#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A real PostgreSQL for one test, from the programs of Debian's package, never the system's cluster.

    postgres.py

makes a cluster in a temporary directory, starts it on a Unix socket there and on a free loopback
port, prints "url postgresql://..." and "socket DIRECTORY" and "pid N", and stops it and removes all
when its standard input ends. A line "restart" on standard input restarts the server at once, as a
crash would (answered by "restarted" and the new "pid N"). PostgreSQL refuses to run as root: it then runs as postgres
or nobody.
"""
import glob
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time

PASSWORD = "sesame-7f3a"


def program(name):
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/" + name))
    if not found:
        sys.exit("postgres.py: no PostgreSQL here: install Debian's package postgresql")
    return found[-1]


def unprivileged():
    """The user to run as, None for our own."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    sys.exit("postgres.py: no user to run PostgreSQL as")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self):
        self.user = unprivileged()
        self.root = tempfile.mkdtemp(prefix="attach-postgres-")
        self.data = os.path.join(self.root, "data")
        self.port = free_port()
        self.process = None
        if self.user:
            os.chown(self.root, self.user.pw_uid, self.user.pw_gid)

    def options(self):
        options = {"cwd": self.root, "stdin": subprocess.DEVNULL,
                   "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": self.root}}
        if self.user:
            options.update(user=self.user.pw_uid, group=self.user.pw_gid, extra_groups=[])
        return options

    def initialise(self):
        password = os.path.join(self.root, "password")
        with open(password, "w") as file:
            file.write(PASSWORD + "\n")
        os.chmod(password, 0o644)
        subprocess.run([program("initdb"), "-D", self.data, "-U", "attach", "-E", "UTF8", "--no-sync", "-A",
                        "scram-sha-256", "--pwfile", password], check=True, stdout=subprocess.DEVNULL, **self.options())

    def start(self):
        self.process = subprocess.Popen(
            [program("postgres"), "-D", self.data, "-k", self.root, "-p", str(self.port), "-c",
             "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "logging_collector=off"],
            stdout=subprocess.DEVNULL, stderr=open(os.path.join(self.root, "log"), "ab"), **self.options())
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            ready = subprocess.run([program("pg_isready"), "-q", "-h", self.root, "-p", str(self.port), "-U", "attach",
                                    "-d", "postgres"], **self.options())
            if ready.returncode == 0:
                return
            time.sleep(0.05)
        with open(os.path.join(self.root, "log")) as log:
            sys.exit("postgres.py: the server did not start: " + log.read())

    def stop(self):
        if self.process:
            self.process.send_signal(3)  # SIGQUIT: at once, without a checkpoint
            self.process.wait(30)

    def url(self):
        return f"postgresql://attach:{PASSWORD}@127.0.0.1:{self.port}/postgres"


def main():
    server = Server()
    try:
        server.initialise()
        server.start()
        print("url", server.url(), flush=True)
        print("socket", server.root, flush=True)
        print("pid", server.process.pid, flush=True)
        for line in sys.stdin:
            if line.strip() == "restart":
                server.stop()
                server.start()
                print("restarted", flush=True)
                print("pid", server.process.pid, flush=True)
    finally:
        server.stop()
        shutil.rmtree(server.root, ignore_errors=True)


if __name__ == "__main__":
    main()
