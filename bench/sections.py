# SPDX-License-Identifier: MIT
"""The measurements. Each section goes round its servers (A B C A B C ...) and keeps one number per round and column."""

import collections
import json
import os
import pathlib
import subprocess
import time

import servers

CONNECTIONS = 64
HELD = 1000
DISTINCT_TOKENS = 5000  # more than the gateway remembers (TOKEN_CACHE_ENTRIES), so that none is found again
STREAM_CHUNKS = 100
STREAM_EVERY_US = 5000
HELD_EVERY_US = 500000

# Section -> the servers in it, in the order of the table.
ROWS = {
    "load": ["relay", "relay-cached", "relay-rs256", "nginx", "haproxy", "haproxy-rs256", "haproxy-es256", "gateway"],
    "first-sight": ["relay-rs256", "relay-es256", "gateway-rs256", "gateway-es256"],
    "latency": ["direct", "relay-cached", "nginx", "haproxy", "gateway"],
    "stream": ["relay-cached", "nginx", "haproxy", "gateway"],
    "first-chunk": ["direct", "relay-cached", "nginx", "haproxy", "gateway"],
    "memory": ["relay-cached", "nginx", "haproxy-rs256", "gateway"],
    "start": ["nginx", "haproxy-rs256", "gateway"],
}


class Results:
    """rows[section][row][column] is the list of what each round gave."""

    def __init__(self):
        self.rows = collections.defaultdict(lambda: collections.defaultdict(lambda: collections.defaultdict(list)))

    def add(self, section, row, **columns):
        for column, value in columns.items():
            self.rows[section][row][column].append(value)


def server_of(row):
    """The server that a row is about."""
    return "gateway" if row.startswith("gateway") else row


def client(bench, mode, port, tokens, **options):
    command = [bench.program("bench-client"), mode, "--port", str(port), "--tokens", str(tokens)]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    return command


def run_json(command, environment=None):
    """The last line a program writes, which is JSON."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command[:6])} failed:\n{done.stderr}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def busy_us(cpu):
    """Microseconds that a CPU has worked, for whomever."""
    for line in pathlib.Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{cpu}":
            user, nice, system, _, _, interrupts, soft_interrupts, stolen = map(int, ticks[:8])
            worked = user + nice + system + interrupts + soft_interrupts + stolen
            return worked * 1_000_000 / os.sysconf("SC_CLK_TCK")
    raise SystemExit(f"no CPU {cpu} in /proc/stat")


def spent(bench, server, work):
    """What <work> returns, and the server's processor time in it. Notes how much of its CPU others took meanwhile."""
    started, before_us, busy_before_us = time.monotonic(), server.cpu_us(), busy_us(bench.server_cpu)
    result = work()
    cpu_us = server.cpu_us() - before_us
    foreign_us = busy_us(bench.server_cpu) - busy_before_us - cpu_us
    bench.foreign_shares.append(max(0, foreign_us) / ((time.monotonic() - started) * 1_000_000))
    return result, cpu_us


def wrk(bench, port, token, seconds):
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    command = [servers.find_program("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s"]
    command += ["-s", str(servers.HERE / "load.lua"), url]
    result = run_json(command, os.environ | {"BENCH_TOKEN": token})
    if result["errors"] > 0:
        raise SystemExit(f"{result['errors']} requests to port {port} failed")
    return result


def load(bench, results, row):
    """Processor time per request at 64 connections, all with one token."""
    server = bench.running(server_of(row))
    token = bench.token(server.algorithm or "RS256")
    result, cpu_us = spent(bench, server, lambda: wrk(bench, server.port, token, bench.seconds))
    cpu_us /= result["replies"]
    results.add("load", row, cpu_us=cpu_us, per_second=result["replies"] / result["seconds"], p99_us=result["p99_us"])


def first_sight(bench, results, row):
    """The same with a token that the server has not seen, or does not remember, in each request."""
    server = bench.running(server_of(row))
    algorithm = row.rsplit("-", 1)[1].upper()
    tokens = bench.token_file(algorithm, DISTINCT_TOKENS)
    skip = bench.tokens_sent[row] % DISTINCT_TOKENS  # goes on where the last round ended: the first ones may be known
    options = {"connections": CONNECTIONS, "milliseconds": bench.seconds * 1000, "skip": skip}
    command = client(bench, "load", server.port, tokens, **options)
    result, cpu_us = spent(bench, server, lambda: run_json(command))
    bench.tokens_sent[row] += result["replies"]
    cpu_us /= result["replies"]
    results.add("first-sight", row, cpu_us=cpu_us, per_second=result["replies"] / result["seconds"])


def on_one_cpu(bench, row, streams, **options):
    """One connection; client, server and engine share a CPU, so that no wake-up of another one blurs the time."""
    port = bench.engine_port
    algorithm = "RS256"
    if row != "direct":
        server = bench.running(row)
        server.move(bench.load_cpu)
        port = server.stream_port if streams else server.port
        algorithm = server.algorithm or algorithm
    try:
        tokens = bench.token_file(algorithm, 1)
        return run_json(client(bench, "stream" if streams else "load", port, tokens, **options))
    finally:
        if row != "direct":
            server.move(bench.server_cpu)


def latency(bench, results, row):
    result = on_one_cpu(bench, row, False, milliseconds=bench.seconds * 500)
    results.add("latency", row, p50_us=result["p50_us"], p99_us=result["p99_us"])


def first_chunk(bench, results, row):
    result = on_one_cpu(bench, row, True, milliseconds=bench.seconds * 500, chunks=2, every_us=1000)
    results.add("first-chunk", row, p50_us=result["p50_us"], p99_us=result["p99_us"])


def stream(bench, results, row):
    """Processor time per streamed chunk: 64 streams, a chunk each 5 ms."""
    server = bench.running(row)
    tokens = bench.token_file(server.algorithm or "RS256", 1)
    options = {"connections": CONNECTIONS, "milliseconds": bench.seconds * 1000}
    options |= {"chunks": STREAM_CHUNKS, "every_us": STREAM_EVERY_US}
    command = client(bench, "stream", server.stream_port, tokens, **options)
    result, cpu_us = spent(bench, server, lambda: run_json(command))
    cpu_us /= result["replies"] * STREAM_CHUNKS
    results.add("stream", row, cpu_us=cpu_us, first_p99_us=result["p99_us"])


def held_kib(bench, server, **options):
    """Resident memory while 1,000 connections are held."""
    tokens = bench.token_file(server.algorithm or "RS256", 1)
    port = server.stream_port if options else server.port
    command = client(bench, "hold", port, tokens, connections=HELD, **options)
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        if holder.stdout.readline() != "held\n":
            raise SystemExit(f"{server.name} does not hold {HELD} connections: {holder.stderr.read()}")
        time.sleep(1)
        return server.resident_kib()
    finally:
        holder.stdin.close()
        holder.wait(10)
        holder.stdout.close()
        holder.stderr.close()


def memory(bench, results, row):
    """Of fresh processes: connections leave traces in the heap."""
    server = servers.make(bench, row)
    try:
        server.start()
        time.sleep(0.5)
        idle = server.resident_kib()
        kept = held_kib(bench, server)
        server.stop()
        server.start()
        time.sleep(0.5)
        fresh = server.resident_kib()
        streaming = held_kib(bench, server, chunks=1000, every_us=HELD_EVERY_US)
    finally:
        server.stop()
    results.add(
        "memory",
        row,
        idle_mib=idle / 1024,
        kept_kib=(kept - idle) / HELD,
        stream_kib=(streaming - fresh) / HELD,
    )


def start(bench, results, row):
    """From the start of the process to its first 200."""
    server = servers.make(bench, row)
    tokens = bench.token_file(server.algorithm or "RS256", 1)
    command = [bench.program("bench-starter"), str(server.port), str(bench.server_cpu), str(tokens)] + server.command()
    for _ in range(5):
        done = subprocess.run(
            command, env=os.environ | server.environment, capture_output=True, text=True, timeout=60
        )
        if done.returncode != 0:
            raise SystemExit(f"{row} did not start: {done.stderr}")
        results.add("start", row, ms=int(done.stdout) / 1000)


MEASURES = {
    "load": load,
    "first-sight": first_sight,
    "latency": latency,
    "stream": stream,
    "first-chunk": first_chunk,
    "memory": memory,
    "start": start,
}

ONCE = {"memory"}  # hardly varies
