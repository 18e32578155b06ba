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
        unindexed = "SELECT count(*) FROM events_pending WHERE seq NOT IN (SELECT seq FROM events)"
        assert connection.execute(unindexed).fetchall() == [(0,)]
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


def test_while_nothing_reaches_the_disk_relaying_goes_on(start_gateway, issuer, engine, prepared, token, tmp_path):
    """Every fdatasync fails from the first document on; the disk never gets better."""
    engine.run(memory.engine_script())
    gateway = start_gateway(wrapper=strace.command("fdatasync:error=EIO:when=1+", tmp_path / "calls"),
                            ATTACH_DATA_DIR=prepared, MEM_ACK="stored", ready=False, **strace.options())
    assert memory.write(gateway, token, "alice-0") == 503
    wait_health(gateway, 503)
    assert gateway.ask("GET", "/readyz").json() == {"status": "degraded"}
    before = counted(gateway)
    for number in range(5):
        assert memory.chat(gateway, token, f"alice-{number}")
        assert memory.log(gateway, token, f"alice-{number}") == 503
    wait_until(lambda: counted(gateway)["refused"] == before["refused"] + 5 * (1 + memory.LINES_OF_LOG),
               "each of them to be counted")
    assert counted(gateway)["stored"] == before["stored"]
    assert gateway.ask("GET", "/healthz").status == 200
    strace.end(gateway)
    again = start_gateway(ATTACH_DATA_DIR=prepared)
    assert memory.write(again, token, "alice-after") == 201


# ---- a disk that is full ----

class Tmpfs:
    """A file system of its own, as large as it is told."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir(mode=0o700)
        self.is_mounted = False

    def mount(self, size):
        option = f"size={size},mode=700"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", option, "attach-test", str(self.directory)],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no file system may be mounted here: {done.stderr.strip()}")
        self.is_mounted = True

    def resize(self, size):
        subprocess.run(["mount", "-o", f"remount,size={size}", str(self.directory)], check=True)

    def close(self):
        if self.is_mounted:
            subprocess.run(["umount", "--lazy", str(self.directory)], check=True)


@pytest.fixture
def tmpfs(tmp_path):
    tmpfs = Tmpfs(tmp_path / "small")
    yield tmpfs
    tmpfs.close()


@pytest.fixture
def start_on_tmpfs(tmpfs, start_gateway):
    """As start_gateway, which ends before the file system does."""
    def start(size, **options):
        tmpfs.mount(size)
        return start_gateway(ATTACH_DATA_DIR=tmpfs.directory, **options)
    return start


@pytest.mark.parametrize("size", ["4k", "64k"])
def test_a_disk_too_small_for_an_empty_store(start_on_tmpfs, tmpfs, engine, token, size):
    engine.run(memory.engine_script())
    gateway = start_on_tmpfs(size, ready=False)
    wait_until(lambda: gateway.ask("GET", "/readyz").json() == {"status": "degraded"}, "a degraded gateway")
    assert memory.write(gateway, token, "alice-0") == 507
    assert memory.log(gateway, token, "alice-0") == 507
    assert memory.chat(gateway, token, "alice-0")
    assert gateway.ask("GET", "/healthz").status == 200
    tmpfs.resize("64m")
    wait_health(gateway, 200)
    assert memory.write(gateway, token, "alice-1") == 201
    assert memory.check(memory.rows(gateway, token), "alice") == {("document", "alice-1"): 1}


@pytest.mark.parametrize("ack", ["none", "stored"])
def test_a_disk_that_fills_and_is_given_room(start_on_tmpfs, tmpfs, engine, token, ack):
    engine.run(memory.engine_script())
    gateway = start_on_tmpfs("2m", MEM_ACK=ack)
    acknowledged = []
    refused = 0
    exchanges = 0
    with gateway.connect() as client:
        for number in range(500):
            status = memory.write(client, token, f"alice-{number}", size=20000)
            if status == 201:
                acknowledged.append(("document", f"alice-{number}"))
            else:
                assert status == 507, status
                refused += 1
            if refused == 3:
                break
        assert refused == 3 and acknowledged
        wait_health(gateway, 503)
        for number in range(5):
            assert memory.chat(client, token, f"alice-{number}", size=20000)  # relaying goes on
            exchanges += 1
        # What is there can be read while nothing can be written.
        assert {key for _, key in memory.check(memory.rows(gateway, token), "alice")} >= {key for _, key in acknowledged}
    wait_until(lambda: sum(counted(gateway).values()) == len(acknowledged) + refused + exchanges, "all to be counted")
    assert counted(gateway)["refused"] >= refused
    tmpfs.resize("64m")
    wait_health(gateway, 200)
    assert memory.write(gateway, token, "alice-more", size=20000) == 201
    assert memory.chat(gateway, token, "alice-more")
    wait_until(lambda: counted(gateway)["stored"] + counted(gateway)["refused"] == sum(counted(gateway).values()) ==
               len(acknowledged) + refused + exchanges + 2, "the sum to be exact")
    found = memory.check(memory.rows(gateway, token), "alice")
    assert [one for one in acknowledged if one not in found] == []
    assert ("document", "alice-more") in found and ("exchange", "alice-more") in found
    assert sum(found.values()) == counted(gateway)["stored"]


def test_on_a_full_disk_required_memory_refuses(start_on_tmpfs, tmpfs, engine, token):
    engine.run(memory.engine_script())
    gateway = start_on_tmpfs("64k", MEM_REQUIRED="true", ready=False)
    wait_until(lambda: gateway.ask("GET", "/readyz").json() == {"status": "degraded"}, "a degraded gateway")
    reply = gateway.ask("POST", "/api/chat", body=memory.chat_body("alice-0"), token=token)
    assert reply.status == 503 and engine.requests == []
    tmpfs.resize("64m")
    wait_health(gateway, 200)
    assert memory.chat(gateway, token, "alice-1")


# ---- a disk that is slow, and a queue that is full ----

def chats(gateway, token, count, clients, size=200):
    """<count> chats by each of <clients> at once; the seconds that each took."""
    def run(number):
        taken = []
        with gateway.connect() as client:
            for at in range(count):
                began = time.monotonic()
                assert memory.chat(client, token, f"alice-{number}-{at}", size)
                taken.append(time.monotonic() - began)
        return taken
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        return [seconds for taken in pool.map(run, range(clients)) for seconds in taken]


def slow_gateway(start_gateway, prepared, seconds=0.2, **options):
    return start_gateway(wrapper=strace.delayed("fdatasync", seconds), ATTACH_DATA_DIR=prepared,
                         **strace.options(), **options)


def test_with_slow_answers_wait_and_all_is_kept(start_gateway, engine, prepared, token):
    engine.run(memory.engine_script())
    gateway = slow_gateway(start_gateway, prepared, MEM_QUEUE_MAX="64k", MEM_WHEN_FULL="slow")
    chats(gateway, token, count=6, clients=10, size=20000)
    wait_until(lambda: counted(gateway)["stored"] == 60, "all to be stored")
    assert sum(counted(gateway).values()) == 60
    assert sum(memory.check(memory.rows(gateway, token), "alice").values()) == 60


def test_with_drop_answers_do_not_wait_and_what_is_left_out_is_counted(start_gateway, engine, prepared, token):
    engine.run(memory.engine_script())
    gateway = slow_gateway(start_gateway, prepared, MEM_QUEUE_MAX="64k", MEM_WHEN_FULL="drop")
    chats(gateway, token, count=6, clients=10, size=20000)
    wait_until(lambda: sum(counted(gateway).values()) == 60, "each to be counted")
    outcomes = counted(gateway)
    assert outcomes["dropped"] > 0 and outcomes["stored"] > 0
    assert outcomes["dropped"] + outcomes["stored"] == 60
    found = memory.check(memory.rows(gateway, token), "alice")
    assert sum(found.values()) == outcomes["stored"]  # no half row of those that were left out midway


def test_documents_and_logs_over_the_queue_are_told_so(start_gateway, engine, prepared, token):
    gateway = slow_gateway(start_gateway, prepared, MEM_QUEUE_MAX="64k")

    def run(number):
        taken = []
        with gateway.connect() as client:
            for at in range(5):
                key = f"alice-{number}-{at}"
                is_log = (number + at) % 2 == 0
                status = memory.log(client, token, key) if is_log else memory.write(client, token, key, 30000)
                assert status in (201, 202, 503), status
                taken.append((status, "log" if is_log else "document", key))
        return taken
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        told = [one for taken in pool.map(run, range(10)) for one in taken]
    weight = {"log": memory.LINES_OF_LOG, "document": 1}
    outcomes = counted(gateway)
    assert outcomes["stored"] == sum(weight[kind] for status, kind, _ in told if status != 503)
    assert outcomes["refused"] == sum(weight[kind] for status, kind, _ in told if status == 503) > 0
    assert set(memory.check(memory.rows(gateway, token), "alice")) == {
        (kind, key) for status, kind, key in told if status != 503}


@pytest.mark.parametrize("is_chunked", [True, False], ids=["chunked", "length"])
def test_a_client_that_leaves_while_its_answer_is_stored(start_gateway, engine, prepared, token, is_chunked):
    engine.run(memory.engine_script(is_chunked=is_chunked))
    gateway = slow_gateway(start_gateway, prepared, seconds=0.5, MEM_ACK="stored")
    for number in range(6):
        client = gateway.connect()
        client.send(client.request("POST", "/api/chat", body=memory.chat_body(f"alice-{number}"), token=token))
        reply = client.read_head("POST")
        assert reply.status == 200
        if number % 2 == 0:
            client.reset()
        else:
            client.close()
    wait_until(lambda: len(memory.rows(gateway, token)) == 6, "all exchanges to be kept")
    found = memory.check(memory.rows(gateway, token), "alice")
    assert set(found) == {("exchange", f"alice-{number}") for number in range(6)}
    assert memory.chat(gateway, token, "alice-more")
    assert sum(counted(gateway).values()) == counted(gateway)["stored"] == 7


# ---- ending ----

@pytest.mark.parametrize("ack", ["none", "stored"])
def test_what_was_answered_before_sigterm_is_kept(start_gateway, engine, issuer, tmp_path, ack):
    engine.run(memory.engine_script())
    data = tmp_path / "data"
    gateway = start_gateway(ATTACH_DATA_DIR=data, MEM_ACK=ack)
    load = Load(issuer, ["ann", "ben", "cy"])
    clients = [threading.Thread(target=load.run, args=(gateway, user, number), daemon=True)
               for number, user in enumerate(load.tokens)]
    for client in clients:
        client.start()
    wait_until(lambda: len(load.acknowledged) > 100, "some load")
    gateway.terminate()
    assert gateway.wait_ended() == 0
    for client in clients:
        client.join(PATIENCE)
    assert load.faults == []
    again = start_gateway(ATTACH_DATA_DIR=data)
    found = {}
    for user, token in load.tokens.items():
        found.update(memory.check(memory.rows(again, token), user))
    assert [one for one in load.acknowledged if one not in found] == []


# ---- a remote backend that fails ----

RETRY_SECONDS = 30  # pauses between attempts grow


@pytest.fixture
def remote():
    running = []

    def start(**arguments):
        running.append(Weaviate(**arguments))
        return running[-1]
    yield start
    for one in running:
        one.close()


def remote_gateway(start_gateway, url, **options):
    return start_gateway(MEM_BACKEND="weaviate", WEAVIATE_URL=url, **{"MEM_TIMEOUT": "1s", **options})


def send_some(gateway, token, count=30):
    """Exchanges, documents and logs in turn on one connection; how many events that is."""
    with gateway.connect() as client:
        for number in range(1, count + 1):
            assert memory.chat(client, token, f"alice-{number}")
            assert memory.write(client, token, f"alice-{number}") == 201
            assert memory.log(client, token, f"alice-{number}") == 202
    return count * (2 + memory.LINES_OF_LOG)


def wait_delivered(gateway, count, seconds=RETRY_SECONDS):
    wait_until(lambda: counted(gateway)["delivered"] >= count, f"{count} events to be delivered", seconds)
    outcomes = counted(gateway)
    assert outcomes == {"stored": count, "refused": 0, "dropped": 0, "delivered": count, "rejected": 0}
    metrics = gateway.metrics()
    assert metrics["attach_memory_outbox_events"] == 0 and metrics["attach_memory_outbox_dropped_total"] == 0


def delivered_once(weaviate, count, in_order=True):
    """Nothing is there twice, and what came of one client on one connection is in its order."""
    objects = weaviate.objects("event", "user", "run_id", "prompt", "payload", "session_id")
    assert len(objects) == count
    assert len({row["_additional"]["id"] for row in objects}) == count
    sequences = {}
    for row in objects:
        row = {**row, "payload": json.loads(row["payload"]) if row["payload"] else None}
        key = (row["payload"]["key"] if row["event"] == "document" else row["run_id"] if row["event"] == "log"
               else row["prompt"].removeprefix("user: ").partition(" ")[0])
        sequences.setdefault((row["session_id"], row["event"]), []).append(int(key.split("-")[1]))
    for sequence in sequences.values():
        assert sequence == sorted(sequence) or not in_order


def test_a_remote_that_is_down_costs_nothing_and_gets_all_of_it_later(start_gateway, engine, remote, token):
    engine.run(memory.engine_script())
    port = free_port()
    gateway = remote_gateway(start_gateway, f"http://127.0.0.1:{port}")
    count = send_some(gateway, token)
    wait_until(lambda: counted(gateway)["stored"] == count, "all to be in the outbox")
    assert gateway.metrics()["attach_memory_outbox_events"] == count
    assert counted(gateway)["delivered"] == 0
    wait_until(lambda: gateway.metrics()["attach_memory_delivery_failures_total"] >= 2, "attempts")
    wait_health(gateway, 200)
    assert gateway.ask("GET", "/mem/events", token=token).status == 503  # lists are the remote's
    weaviate = remote(port=port)
    wait_delivered(gateway, count)
    delivered_once(weaviate, count)
    assert sum(memory.check(memory.rows(gateway, token), "alice").values()) == count


@pytest.mark.long
def test_a_remote_that_is_down_for_a_minute(start_gateway, engine, remote, token):
    """The pause between attempts has grown to half a minute and more by then; work goes on meanwhile."""
    engine.run(memory.engine_script())
    port = free_port()
    gateway = remote_gateway(start_gateway, f"http://127.0.0.1:{port}")
    began, count = time.monotonic(), 0
    while time.monotonic() - began < 60:
        count += send_some(gateway, token, 5)
        time.sleep(5)
    wait_until(lambda: counted(gateway)["stored"] == count, "all to be in the outbox")
    assert counted(gateway)["delivered"] == 0
    assert 3 <= gateway.metrics()["attach_memory_delivery_failures_total"] <= 20  # neither given up nor hammered
    weaviate = remote(port=port)
    wait_delivered(gateway, count, 90)
    objects = weaviate.objects("event")
    assert len(objects) == len({row["_additional"]["id"] for row in objects}) == count


FAULTS = {
    "cut": {"close": True},
    "500": {"status": 500, "body": {"error": [{"message": "no"}]}},
    "429": {"status": 429, "body": {}},
    "200 with an error": {"status": 200, "body": {"data": None, "errors": [{"message": "no"}]}},
    "200 with an empty list": {"status": 200, "body": []},
    "200 with half a list": {"status": 200, "body": [{"result": {"status": "SUCCESS"}}]},
    "objects fail": {"fail_objects": 40},
    "slow": {"delay_s": 0.3},
    "slower than MEM_TIMEOUT": {"delay_s": 1.5},
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_remote_that_misbehaves_costs_nothing(start_gateway, engine, remote, token, fault):
    engine.run(memory.engine_script())
    weaviate = remote()
    gateway = remote_gateway(start_gateway, weaviate.url)
    assert memory.write(gateway, token, "alice-0") == 201
    wait_until(lambda: counted(gateway)["delivered"] == 1, "the first event to be delivered")
    weaviate.misbehave(**FAULTS[fault])
    calls = len(weaviate.calls())
    count = 1 + send_some(gateway, token, 20)
    wait_until(lambda: len(weaviate.calls()) >= calls + 2, "the remote to be asked")
    weaviate.misbehave()
    wait_delivered(gateway, count)
    # Of a batch of which Weaviate takes only some, the others come when it has those.
    delivered_once(weaviate, count, in_order=fault != "objects fail")
    assert sum(memory.check(memory.rows(gateway, token), "alice").values()) == count


def test_a_remote_that_never_answers_does_not_keep_the_gateway_from_ending(start_gateway, engine, remote, token):
    engine.run(memory.engine_script())
    weaviate = remote()
    data_options = {"ATTACH_DATA_DIR": None}
    gateway = remote_gateway(start_gateway, weaviate.url, **data_options)
    weaviate.misbehave(delay_s=60)
    count = send_some(gateway, token, 3)
    wait_until(lambda: counted(gateway)["stored"] == count, "all to be in the outbox")
    gateway.terminate()
    assert gateway.wait_ended() == 0


def test_what_waits_for_a_remote_outlives_kill_9(start_gateway, engine, remote, issuer, tmp_path):
    engine.run(memory.engine_script())
    port = free_port()
    load = Load(issuer, ["ann", "ben"])
    options = {"ATTACH_DATA_DIR": tmp_path / "data", "MEM_ACK": "stored", "MEM_BACKEND": "weaviate",
               "WEAVIATE_URL": f"http://127.0.0.1:{port}", "MEM_TIMEOUT": "1s"}
    weaviate = None
    for life in range(10):
        if life == 5:
            weaviate = remote(port=port)  # from now on lives end in the middle of deliveries
        load.live(start_gateway(**options), 0.3)
    gateway = start_gateway(**options)
    wait_until(lambda: gateway.metrics()["attach_memory_outbox_events"] == 0 and len(weaviate.objects()) > 0,
               "the outbox to be empty", RETRY_SECONDS)
    found = {}
    for user, token in load.tokens.items():
        found.update(memory.check(memory.rows(gateway, token), user))
    assert [one for one in load.acknowledged if one not in found] == []
    objects = weaviate.objects("user")
    assert len({row["_additional"]["id"] for row in objects}) == len(objects) == sum(found.values())


def test_an_outbox_at_its_cap_refuses_and_counts(start_gateway, engine, remote, token):
    engine.run(memory.engine_script())
    port = free_port()
    gateway = remote_gateway(start_gateway, f"http://127.0.0.1:{port}", MEM_OUTBOX_MAX="64k")
    told = []
    with gateway.connect() as client:
        for number in range(40):
            told.append(memory.write(client, token, f"alice-{number}", size=4000))
            assert memory.chat(client, token, f"alice-{number}", size=4000)
    assert set(told) == {201, 507}

    def sums():
        outcomes = counted(gateway)
        left_out = int(gateway.metrics()["attach_memory_outbox_dropped_total"])
        return outcomes["stored"], outcomes["refused"], outcomes["dropped"], left_out
    wait_until(lambda: sum(sums()) == 80, "each to be counted")
    stored, refused, dropped, left_out = sums()
    assert refused == told.count(507) and dropped == 0 and left_out > 0
    wait_health(gateway, 200)  # the store is well
    weaviate = remote(port=port)
    wait_until(lambda: counted(gateway)["delivered"] == stored, "what waited to be delivered", RETRY_SECONDS)
    assert len(weaviate.objects()) == stored
    assert memory.write(gateway, token, "alice-more") == 201
