# SPDX-License-Identifier: MIT
"""What is acknowledged is there: after kill -9, with a disk that fails or is full, behind a remote backend
that is down, slow or lies, and when more comes than can be stored. Relaying goes on all the while."""
import concurrent.futures
import json
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import pytest

from harness import http, memory, strace
from harness.gateway import run_command, sanitizer
from harness.remote import Weaviate, free_port
from harness.wait import PATIENCE, wait_until

LIVES = 200
KILL_SECONDS_MAX = 300
OUTCOMES = ("stored", "refused", "dropped", "delivered", "rejected")


def counted(gateway):
    """attach_memory_events_total by outcome."""
    metrics = gateway.metrics()
    return {outcome: int(metrics[f'attach_memory_events_total{{outcome="{outcome}"}}']) for outcome in OUTCOMES}


def patient(seconds):
    """For tests that take longer than others may."""
    signal.alarm(seconds)


def wait_health(gateway, status):
    wait_until(lambda: gateway.ask("GET", "/readyz").status == status, f"/readyz to say {status}")


def database_is_sound(data):
    with sqlite3.connect(data / "store.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.execute("INSERT INTO events_text(events_text) VALUES('integrity-check')")
    connection.close()


# ---- kill -9 ----

class Load:
    """Clients that write until their gateway is gone, and remember what was acknowledged."""

    def __init__(self, issuer, users):
        self.tokens = {user: issuer.token(user, exp=int(time.time()) + 3600) for user in users}
        self.acknowledged = []  # (kind, key); append is atomic
        self.faults = []
        self.life = 0

    def run(self, address_of, user, number):
        """One client of one life."""
        count = 0
        try:
            with address_of.connect() as client:
                while True:
                    key = f"{user}-{self.life}-{number}-{count}"
                    kind = ("document", "log", "exchange")[(count + number) % 3]
                    self.one(client, kind, user, key)
                    self.acknowledged.append((kind, key))
                    count += 1
        except (OSError, http.Truncated):
            pass  # the gateway was killed
        except BaseException as fault:  # told by the main thread
            self.faults.append(repr(fault))

    def one(self, client, kind, user, key):
        token = self.tokens[user]
        if kind == "document":
            assert memory.write(client, token, key) == 201
        elif kind == "log":
            assert memory.log(client, token, key) == 202
        else:
            assert memory.chat(client, token, key)

    def live(self, gateway, seconds):
        self.life += 1
        clients = [threading.Thread(target=self.run, args=(gateway, user, number), daemon=True)
                   for number, user in enumerate(self.tokens)]
        for client in clients:
            client.start()
        time.sleep(seconds)
        strace.end(gateway)
        for client in clients:
            client.join(PATIENCE)
            assert not client.is_alive()
        assert self.faults == []


def test_200_times_kill_9_lose_nothing_that_was_acknowledged(start_gateway, engine, issuer, tmp_path):
    patient(KILL_SECONDS_MAX)
    data = tmp_path / "data"
    chance = random.Random(4)
    load = Load(issuer, ["ann", "ben", "cy", "dora"])
    engine.run(memory.engine_script())
    for life in range(LIVES):
        options = {"ATTACH_DATA_DIR": data, "MEM_ACK": "stored", "WORKERS": str(1 + life % 2)}
        if life % 10 == 9:  # some die while they start
            gateway = start_gateway(ready=False, **options)
            time.sleep(chance.random() * 0.01)
            strace.end(gateway)
        else:
            load.live(start_gateway(**options), chance.random() * 0.1)
    gateway = start_gateway(ATTACH_DATA_DIR=data)
    found = {}
    for user, token in load.tokens.items():
        found.update(memory.check(memory.rows(gateway, token), user))
    lost = [one for one in load.acknowledged if one not in found]
    assert lost == [] and len(load.acknowledged) > LIVES
    assert {kind for kind, _ in load.acknowledged} == {"document", "log", "exchange"}
    gateway.stop()
    database_is_sound(data)


# ---- a disk that fails at every write ----

USER = "ann"


class Life:
    """One short life of a gateway in which one call of the kernel fails, and what was acknowledged in it."""

    def __init__(self, start_gateway, data, token, output):
        self.start_gateway, self.data, self.token, self.output = start_gateway, data, token, output
        self.acknowledged = []
        self.tries = 0
        self.was_killed = False

    def run(self, injection):
        gateway = None
        wrapper = strace.command(injection, self.output)
        try:
            gateway = self.start_gateway(ready=False, wrapper=wrapper, ATTACH_DATA_DIR=self.data, MEM_ACK="stored",
                                         WORKERS="1", **strace.options())
            self.use(gateway)
        except (OSError, http.Truncated, AssertionError):
            # It may end only if that is what was injected.
            if "SIGKILL" not in injection or gateway is not None and not wait_gone(gateway):
                raise
            self.was_killed = True
        if gateway is not None:
            strace.end(gateway)

    def use(self, gateway):
        with gateway.connect() as client:
            self.one(client, "document")
            self.one(client, "log")
            assert memory.chat(client, self.token, f"{USER}-exchange")  # whatever the disk does
            assert client.ask("GET", "/healthz").status == 200
        # Once the fault is over, all is well again.
        wait_until(lambda: self.one(gateway, "document"), "a write that is taken")
        wait_health(gateway, 200)

    def one(self, client, kind):
        self.tries += 1
        key = f"{USER}-{self.tries}"
        status = (memory.write if kind == "document" else memory.log)(client, self.token, key)
        if status in (201, 202):
            self.acknowledged.append((kind, key))
            return True
        assert status in (503, 507), status
        return False

    def check(self, directory):
        """What the file holds, read without a gateway."""
        code, text, complaint = run_command(directory, ["mem", "export"], {"ATTACH_DATA_DIR": self.data,
                                                                           "ATTACH_LOCAL": "true"})
        if not self.acknowledged:
            assert code in (0, 1)  # the file may not be made yet
            return
        assert code == 0, complaint
        found = memory.check([json.loads(line) for line in text.splitlines()], USER)
        assert [one for one in self.acknowledged if one not in found] == []

    def was_hit(self):
        return self.was_killed or "INJECTED" in self.output.read_text()


def wait_gone(gateway):
    return wait_until(lambda: gateway.process.poll() is not None, "the gateway to end")


def fault_lives(start_gateway, issuer, engine, tmp_path, call, faults, prepared):
    """A life for each <call> that a life makes, the fault being the next of <faults>, until no more is hit."""
    patient(KILL_SECONDS_MAX)
    strace.need()
    engine.run(memory.engine_script())
    token = issuer.token(USER)

    def live(place):
        when, fault = place
        directory = tmp_path / f"{call}-{when}-{fault.replace('=', '-')}"
        directory.mkdir()
        data = directory / "data"
        if prepared is not None:
            shutil.copytree(prepared, data)
        life = Life(start_gateway, data, token, directory / "calls")
        life.run(f"{call}:{fault}:when={when}")
        life.check(directory)
        return life.was_hit()

    hits = 0
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for first in range(1, 10000, 4):
            places = [(when, fault) for when in range(first, first + 4)
                      for fault in (faults if prepared is not None else [faults[when % len(faults)]])]
            outcomes = list(pool.map(live, places))
            hits += sum(outcomes)
            if not all(outcomes):
                break
    return hits


@pytest.fixture
def prepared(start_gateway, tmp_path, token):
    """A data directory that has had its gateway."""
    data = tmp_path / "prepared"
    gateway = start_gateway(ATTACH_DATA_DIR=data)
    gateway.stop()
    return data


@pytest.mark.parametrize("fault", ["error=EIO", "error=ENOSPC", "signal=SIGKILL"])
@pytest.mark.parametrize("call, hits_least", [("pwrite64", 15), ("fdatasync", 3)])
def test_each_write_of_a_short_run_may_fail(start_gateway, issuer, engine, tmp_path, prepared, call, hits_least, fault):
    hits = fault_lives(start_gateway, issuer, engine, tmp_path, call, [fault], prepared)
    assert hits >= hits_least


@pytest.mark.parametrize("call, hits_least", [("pwrite64", 60), ("fdatasync", 5)])
def test_each_write_of_the_first_run_may_fail(start_gateway, issuer, engine, tmp_path, call, hits_least):
    faults = ["error=EIO", "error=ENOSPC", "signal=SIGKILL"]
    assert fault_lives(start_gateway, issuer, engine, tmp_path, call, faults, None) >= hits_least
