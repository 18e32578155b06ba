# SPDX-License-Identifier: MIT
"""What remembering costs; `script/bench memory` calls it. See README.md.

Memory on and off take turns, so that what disturbs one disturbs the other; the other measurements
are of the store alone. Nothing here is a test."""

import argparse
import http.client
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import identities
import report
import servers

CONNECTIONS = 32
LINES_AT_ONCE = 1000
WORDS_OF_1_KIB = 160
START_S = 30
OVERLOAD_S = 10
COMMIT_S = 3
SECTIONS = ["relay", "exchange", "events", "search", "reopen", "overload", "remote-down"]


class Gateway(servers.Gateway):
    """One with options and a data directory of its own, free to use every CPU as in daily life."""

    def __init__(self, bench, directory, **options):
        super().__init__(bench, "gateway")
        self.data = directory
        self.admin_port = servers.free_port()
        self.environment |= {"ATTACH_DATA_DIR": str(directory), "ADMIN_PORT": str(self.admin_port),
                             "MEM_BACKEND": "sqlite", **options}

    def start(self):
        (self.directory / "output.log").touch()
        self.process = subprocess.Popen(self.command(), env=os.environ | self.environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self.await_answer()
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def metrics(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=START_S)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
        return {name: float(value) for name, value in
                (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def events(self, outcome):
        return self.metrics()[f'attach_memory_events_total{{outcome="{outcome}"}}']

    def await_events(self, count, *outcomes):
        deadline = time.monotonic() + 60
        while sum(self.events(outcome) for outcome in outcomes) < count:
            if time.monotonic() > deadline:
                raise SystemExit("not all events were stored")
            time.sleep(0.02)

    def thread_times(self):
        """Microseconds of each kind of thread so far. Threads have no names; they are told by what they
        wait for and by what they write."""
        times = {"worker": 0, "store": 0, "memory": 0}
        task = pathlib.Path(f"/proc/{self.process.pid}/task")
        for thread in task.iterdir():
            spent = int((thread / "schedstat").read_text().split()[0]) / 1000
            if int(thread.name) == self.process.pid:
                continue
            kind = self.kinds.get(thread.name) or self.kind(thread)
            times[kind] = times.get(kind, 0) + spent
        return times

    kinds = {}

    def kind(self, thread):
        written = [line for line in (thread / "io").read_text().splitlines() if line.startswith("write_bytes")]
        if int(written[0].split()[1]) > 0:
            return "store"
        return "worker" if "poll" in (thread / "wchan").read_text() else "memory"

    def learn_threads(self):
        """Once some events were stored and all is quiet."""
        self.kinds = {}
        for _ in range(20):
            time.sleep(0.02)
            for thread in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
                if self.kinds.get(thread.name) != "store":
                    kind = self.kind(thread)
                    if kind != "memory" or thread.name not in self.kinds:
                        self.kinds[thread.name] = kind


class Bench:
    def __init__(self, arguments, directory):
        self.build = arguments.build.resolve()
        self.rounds, self.seconds, self.rate = arguments.rounds, arguments.seconds, arguments.rate
        self.events_count = arguments.events
        self.directory = pathlib.Path(directory)
        self.signer = identities.Signer("ES256")
        self.issuer = identities.Issuer([self.signer])
        self.tokens = identities.write_tokens(self.directory / "tokens", self.signer, self.issuer.url, 1)
        self.engine_port = servers.free_port()
        self.engine = subprocess.Popen([self.program("bench-engine"), "--port", str(self.engine_port)])
        self.rows = []

    def program(self, name):
        return str(self.build / "bench" / name)

    def token(self, _=None):
        return self.tokens.read_text().split()[0]

    def gateway(self, name=None, **options):
        directory = self.directory / (name or f"data-{time.monotonic_ns()}")
        return Gateway(self, directory, **options)

    def load(self, gateway, seconds=None, **options):
        command = [self.program("bench-client"), "load", "--port", str(gateway.port), "--tokens", str(self.tokens),
                   "--milliseconds", str(int((seconds or self.seconds) * 1000)),
                   "--connections", str(options.pop("connections", CONNECTIONS))]
        for option, value in options.items():
            command += [f"--{option}", str(value)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode != 0:
            raise SystemExit(f"bench-client failed: {done.stderr}")
        return json.loads(done.stdout.strip().splitlines()[-1])

    def row(self, what, value, limit, unit, decimals=2, at_least=False):
        self.rows.append((what, value, limit, unit, decimals, at_least))
        print(f"{what}: {value:.{decimals}f} {unit}", file=sys.stderr)

    def ask(self, gateway, method, target, body=None, connection=None):
        own = connection or http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=300)
        own.request(method, target, body, {"Authorization": f"Bearer {self.token()}"})
        reply = own.getresponse()
        text = reply.read()
        if reply.status >= 300:
            raise SystemExit(f"{method} {target}: {reply.status} {text[:200]}")
        if connection is None:
            own.close()
        return text


def median_ratio(on, off):
    return statistics.median(a / b for a, b in zip(on, off))


# ---- memory on and off ----

def measure_relay(bench):
    """Pairs of an on and an off at a rate below what the store takes."""
    columns = {name: {"cpu": [], "p99": [], "p50": []} for name in ("on", "off")}
    gateways = {"on": bench.gateway().start(), "off": bench.gateway(MEM_BACKEND="none").start()}
    for gateway in gateways.values():
        bench.load(gateway, 1, rate=bench.rate, words=WORDS_OF_1_KIB)
        gateway.learn_threads()
    for number in range(bench.rounds):
        for name in ("on", "off") if number % 2 == 0 else ("off", "on"):
            gateway = gateways[name]
            before = gateway.thread_times()["worker"]
            result = bench.load(gateway, rate=bench.rate, words=WORDS_OF_1_KIB, seed=number)
            columns[name]["cpu"].append((gateway.thread_times()["worker"] - before) / result["replies"])
            columns[name]["p99"].append(result["p99_us"])
            columns[name]["p50"].append(result["p50_us"])
    for gateway in gateways.values():
        gateway.stop()
    on, off = columns["on"], columns["off"]
    bench.row(f"workers' CPU per relayed request at {bench.rate}/s, memory on", statistics.median(on["cpu"]), None, "µs", 1)
    bench.row("... memory off", statistics.median(off["cpu"]), None, "µs", 1)
    bench.row("... on / off, median of pairs", median_ratio(on["cpu"], off["cpu"]), 1.2, "×")
    bench.row(f"p99 at {bench.rate}/s, memory on", statistics.median(on["p99"]), None, "µs", 0)
    bench.row("... memory off", statistics.median(off["p99"]), None, "µs", 0)
    bench.row("... on / off, median of pairs", median_ratio(on["p99"], off["p99"]), 1.2, "×")
    bench.row("p50 on / off, median of pairs", median_ratio(on["p50"], off["p50"]), None, "×")


def measure_exchange(bench):
    """Exchanges of 1 KiB as fast as they are stored."""
    store, memory, rates = [], [], []
    for number in range(bench.rounds):
        gateway = bench.gateway().start()
        bench.load(gateway, 0.5, words=WORDS_OF_1_KIB)
        gateway.await_events(1, "stored")
        time.sleep(0.3)
        gateway.learn_threads()
        stored, before, began = gateway.events("stored"), gateway.thread_times(), time.monotonic()
        result = bench.load(gateway, words=WORDS_OF_1_KIB, seed=number)
        gateway.await_events(stored + result["replies"], "stored")
        seconds, after = time.monotonic() - began, gateway.thread_times()
        store.append((after["store"] - before["store"]) / result["replies"])
        memory.append((after["memory"] - before["memory"]) / result["replies"])
        rates.append(result["replies"] / seconds)
        gateway.stop()
        shutil.rmtree(gateway.data)
    bench.row("store thread's CPU per stored exchange of 1 KiB, full text included", statistics.median(store), 50, "µs", 1)
    bench.row("bus's CPU for it (dialect, redaction)", statistics.median(memory), None, "µs", 1)
    bench.row("exchanges of 1 KiB stored, one worker as fast as it goes", statistics.median(rates), None, "/s", 0)


# ---- many events ----

def log_bodies(count, seed=1):
    """Bodies of LINES_AT_ONCE small log lines; words as in a text, few frequent and many rare."""
    chance = random.Random(seed)
    vocabulary = [f"{first}{second}{third}" for first in ("ka", "lo", "mi", "ne", "tu") for second in
                  ("ra", "sho", "vi", "en", "il", "os") for third in ("", "ta", "pe", "gu", "dor", "lim")]
    for number in range(count):
        lines = []
        for line in range(LINES_AT_ONCE):
            words = [vocabulary[int(len(vocabulary) * chance.random() ** 2)] for _ in range(8)]
            words.append(f"n{number * LINES_AT_ONCE + line}")
            lines.append('{"run_id":"run","level":"info","message":"%s"}' % " ".join(words))
        yield ("[" + ",".join(lines) + "]").encode()


def post_logs(bench, gateway, bodies, clients=2):
    """Seconds that all bodies took."""
    lock, faults = threading.Lock(), []
    rest = iter(bodies)

    def run():
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=300)
        while True:
            with lock:
                body = next(rest, None)
            if body is None:
                return
            try:
                bench.ask(gateway, "POST", "/v1/logs", body, connection)
            except BaseException as fault:
                faults.append(fault)
                return
    threads = [threading.Thread(target=run) for _ in range(clients)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise SystemExit(f"POST /v1/logs: {faults[0]}")
    return time.monotonic() - began


def fill(bench):
    """A store of a million small events, kept for the sections that need one."""
    gateway = bench.gateway("million").start()
    blocks = bench.events_count // LINES_AT_ONCE
    bodies = list(log_bodies(blocks))
    before = 0
    gateway.learn_threads()
    seconds = post_logs(bench, gateway, bodies)
    gateway.learn_threads()
    bench.filled = (blocks * LINES_AT_ONCE / seconds, (gateway.thread_times()["store"] - before) / (blocks * LINES_AT_ONCE))
    bench.million = gateway


def million(bench):
    if not hasattr(bench, "million"):
        fill(bench)
    return bench.million


def measure_events(bench):
    million(bench)
    rate, store = bench.filled
    bench.row(f"small events into sqlite through /v1/logs, {bench.events_count} of them, full text included", rate, 20000, "/s", 0, True)
    bench.row("store thread's CPU for each", store, None, "µs", 1)


def measure_search(bench):
    gateway = million(bench)
    chance = random.Random(2)
    queries = {
        "one frequent word": lambda: "kara",
        "a frequent and a rare word": lambda: f"kara n{chance.randrange(bench.events_count)}",
        "three words": lambda: "kara loshota minelim",
        "one rare word": lambda: f"n{chance.randrange(bench.events_count)}",
        "no such word": lambda: f"zz{chance.randrange(10**6)}",
    }
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=300)
    for name, query in queries.items():
        times = []
        for _ in range(200):
            text = query().replace(" ", "+")
            began = time.monotonic()
            bench.ask(gateway, "GET", f"/mem/events?limit=10&q={text}", connection=connection)
            times.append((time.monotonic() - began) * 1000)
        times.sort()
        bench.row(f"full text over {bench.events_count} events, {name}, p50", times[len(times) // 2], None, "ms", 1)
        bench.row(f"full text over {bench.events_count} events, {name}, p99", times[int(len(times) * 0.99)], 20, "ms", 1)
    connection.close()


def measure_reopen(bench):
    """Documents are added until the file has a gigabyte."""
    gateway = million(bench)
    path = gateway.data / "store.db"
    chance = random.Random(3)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=300)
    while path.stat().st_size < 1 << 30:
        text = " ".join(f"{chance.getrandbits(24):x}" for _ in range(50)) * 1000  # few words, many bytes
        bench.ask(gateway, "POST", "/mem/events", json.dumps({"payload": text}).encode(), connection)
    for how in ("after SIGTERM", "after kill -9"):
        if how == "after kill -9":
            bench.load(gateway, 1, rate=500, words=WORDS_OF_1_KIB)
            gateway.kill()
        else:
            gateway.stop()
        began = time.monotonic()
        gateway.start()
        bench.ask(gateway, "GET", "/mem/events?limit=1")
        bench.ask(gateway, "POST", "/mem/events", b'{"payload":1}')
        bench.row(f"start to the first row read and written, {path.stat().st_size / (1 << 30):.2f} GiB, {how}",
                  (time.monotonic() - began) * 1000, 1000, "ms", 0)


# ---- bounds ----

def resident_while(bench, gateway, **load):
    """MiB before, and the most while the load runs."""
    before = gateway.resident_kib() / 1024
    most = [before]
    over = threading.Event()

    def watch():
        while not over.wait(0.05):
            most.append(gateway.resident_kib() / 1024)
    watcher = threading.Thread(target=watch)
    watcher.start()
    result = bench.load(gateway, OVERLOAD_S, **load)
    over.set()
    watcher.join()
    return before, max(most), result


def measure_overload(bench):
    """As many exchanges as one worker relays, onto a disk that takes so long for each commit that the store
    keeps up with a small part of them."""
    for policy in ("drop", "slow"):
        gateway = bench.gateway(MEM_WHEN_FULL=policy, MEM_QUEUE_MAX="16m").start()  # makes the file
        gateway.stop()
        command = gateway.command()
        slow = ["strace", "-D", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e",
                f"inject=fdatasync:delay_exit={COMMIT_S * 1000000}"]
        gateway.command = lambda: slow + command
        gateway.start()
        bench.load(gateway, 0.5, words=WORDS_OF_1_KIB)
        before, most, result = resident_while(bench, gateway, words=WORDS_OF_1_KIB, connections=64)
        bench.row(f"resident with a disk that takes {COMMIT_S} s for a commit, MEM_QUEUE_MAX=16m, {policy}: at first", before, None, "MiB", 0)
        bench.row("... at most", most, None, "MiB", 0)
        bench.row("... answers meanwhile", result["replies"] / result["seconds"], None, "/s", 0)
        if policy == "drop":
            stored, dropped = gateway.events("stored"), gateway.events("dropped")
            bench.row("... left out, of each stored one", dropped / max(stored, 1), None, "", 1)
        gateway.kill()


def measure_remote_down(bench):
    gateway = bench.gateway(MEM_BACKEND="weaviate", WEAVIATE_URL="http://127.0.0.1:1", MEM_OUTBOX_MAX="64m").start()
    bench.load(gateway, 0.5, rate=bench.rate, words=WORDS_OF_1_KIB)
    before, most, _ = resident_while(bench, gateway, words=WORDS_OF_1_KIB, connections=64)
    bench.row("resident with the remote backend down, MEM_OUTBOX_MAX=64m: at first", before, None, "MiB", 0)
    bench.row("... at most", most, None, "MiB", 0)
    metrics = gateway.metrics()
    bench.row("... events waiting in the outbox", metrics["attach_memory_outbox_events"], None, "", 0)
    bench.row("... left out of it and counted", metrics["attach_memory_outbox_dropped_total"], None, "", 0)
    gateway.kill()


# ---- the table ----

def table(bench):
    lines = [f"Commit {report.first_line(['git', 'describe', '--always', '--dirty'])}. {report.machine()}. "
             f"{bench.rounds} rounds of {bench.seconds} s.", "", "| | measured | limit | | |", "|---|---:|---:|---|---|"]
    for what, value, limit, unit, decimals, at_least in bench.rows:
        word, bound = "", ""
        if limit is not None:
            word = "met" if (value >= limit if at_least else value <= limit) else "**missed**"
            bound = f"{'≥' if at_least else '≤'} {limit}"
        lines.append(f"| {what} | {value:.{decimals}f} | {bound} | {unit} | {word} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(prog="script/bench memory", description="What remembering costs.")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"), help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=9, help="pairs of on and off")
    parser.add_argument("--seconds", type=float, default=2, help="of each")
    parser.add_argument("--rate", type=int, default=2000, help="requests a second where on and off are compared")
    parser.add_argument("--events", type=int, default=1000000, help="of the store that is searched")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="this section (may be repeated)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="attach-bench-", dir=os.environ.get("BENCH_DIR")) as directory:
        bench = Bench(arguments, directory)
        try:
            for section in arguments.only or SECTIONS:
                globals()["measure_" + section.replace("-", "_")](bench)
        finally:
            bench.engine.kill()
            bench.issuer.close()
            if hasattr(bench, "million") and bench.million.process is not None:
                bench.million.kill()
        print(table(bench))


if __name__ == "__main__":
    main()
