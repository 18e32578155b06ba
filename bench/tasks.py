# SPDX-License-Identifier: MIT
"""What a task costs; `script/bench tasks` calls it. See README.md.

An agent that answers at once (bench-engine) is called directly, and through the gateway as a task. Nothing here is a
test."""

import argparse
import http.client
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import identities
import report
import servers

IDS = 1000  # tasks whose status is asked for
DONE_S = 120
MODES = {
    "direct": "the agent itself",
    "proxied": "the agent as an engine behind the gateway, no task",
    "message": "`message/send`, answered when the task is done",
    "send": "`POST /a2a/tasks/send`, answered when it is on disk",
    "status": "`GET /a2a/tasks/status/{id}` of tasks that are done",
}


class Gateway(servers.Gateway):
    """One as it is in daily life: memory on, every CPU, a data directory of its own."""

    def __init__(self, bench, directory):
        super().__init__(bench, "gateway")
        self.environment |= {
            "ATTACH_DATA_DIR": str(directory),
            "MEM_BACKEND": "sqlite",
            "A2A_AGENTS": f"agent=http://127.0.0.1:{bench.engine_port}/v1/chat/completions",
            "A2A_TASKS_PER_USER_MAX": "100000",
        }

    def start(self):
        with open(self.directory / "output.log", "wb") as log:
            self.process = subprocess.Popen(
                self.command(), env=os.environ | self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.await_answer()
        return self


class Bench:
    def __init__(self, arguments, directory):
        self.build = arguments.build.resolve()
        self.rounds, self.seconds = arguments.rounds, arguments.seconds
        self.directory = pathlib.Path(directory)
        self.signer = identities.Signer("ES256")
        self.issuer = identities.Issuer([self.signer])
        path = self.directory / "tokens"
        identities.write_tokens(path, self.signer, self.issuer.url, 1)
        self.secret = path.read_text().split()[0]
        self.engine_port = servers.free_port()
        self.engine = subprocess.Popen([str(self.build / "bench" / "bench-engine"), "--port", str(self.engine_port)])
        self.rows = {}

    def token(self, _=None):
        return self.secret

    def ask(self, gateway, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
        fields = {"Authorization": f"Bearer {self.secret}", "A2A-Version": "1.0"}
        connection.request(method, path, None if body is None else json.dumps(body), fields)
        reply = connection.getresponse()
        document = json.loads(reply.read())
        connection.close()
        if reply.status != 200:
            raise SystemExit(f"{method} {path}: {reply.status} {document}")
        return document

    def count(self, gateway, query=""):
        return self.ask(gateway, "GET", f"/a2a/rest/tasks?pageSize=1{query}")["totalSize"]

    def wrk(self, port, mode, connections, **environment):
        command = [servers.find_program("wrk"), "-t1", f"-c{connections}", f"-d{self.seconds}s", "--timeout", "20s"]
        command += ["-s", str(servers.HERE / "tasks.lua"), f"http://127.0.0.1:{port}"]
        kind = "chat" if mode in ("direct", "proxied") else mode
        environment |= {"BENCH_KIND": kind, "BENCH_TOKEN": self.secret, "BENCH_SEED": f"{time.monotonic_ns()}-"}
        done = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode != 0:
            raise SystemExit(f"wrk failed: {done.stderr}")
        result = json.loads(done.stdout.strip().splitlines()[-1])
        if result["errors"] > 0:
            counted = f"{result['errors']} of {result['replies']} calls failed"
            raise SystemExit(f"{mode}, {connections} connections: {counted}")
        return result


def some_ids(bench, gateway):
    """A file with the ids of tasks that are done."""
    body = {"target": "agent", "input": {"messages": [{"role": "user", "content": "hello"}]}}
    ids = [bench.ask(gateway, "POST", "/a2a/tasks/send", body)["task_id"] for _ in range(IDS)]
    await_done(bench, gateway)
    path = gateway.directory / "ids"
    path.write_text("".join(f"{task}\n" for task in ids))
    return path


def await_done(bench, gateway):
    """Seconds until no task is left to be run."""
    started = time.monotonic()
    while any(bench.count(gateway, f"&status=TASK_STATE_{state}") for state in ("SUBMITTED", "WORKING")):
        if time.monotonic() - started > DONE_S:
            raise SystemExit("the tasks do not end")
        time.sleep(0.02)
    return time.monotonic() - started


def measure(bench, mode, connections):
    """One round: a fresh gateway each, since a table of tasks grows."""
    row = bench.rows.setdefault((mode, connections), {"per_second": [], "p50_us": [], "p99_us": [], "ended": []})
    if mode == "direct":
        result = bench.wrk(bench.engine_port, mode, connections)
    else:
        directory = bench.directory / f"data-{time.monotonic_ns()}"
        directory.mkdir()
        gateway = Gateway(bench, directory).start()
        try:
            environment = {"BENCH_TASKS": str(some_ids(bench, gateway))} if mode == "status" else {}
            result = bench.wrk(gateway.port, mode, connections, **environment)
            if mode in ("send", "message"):
                late_s = await_done(bench, gateway)
                failed = bench.count(gateway, "&status=TASK_STATE_FAILED")
                if failed > 0:
                    raise SystemExit(f"{failed} tasks failed")
                row["ended"].append(bench.count(gateway) / (result["seconds"] + late_s))
        finally:
            gateway.stop()
    row["per_second"].append(result["replies"] / result["seconds"])
    row["p50_us"].append(result["p50_us"])
    row["p99_us"].append(result["p99_us"])


def table(bench, connections):
    lines = [
        f"### {connections} connection{'s' if connections > 1 else ''}",
        "",
        "| | calls/s | rounds | tasks that ended/s | p50 µs | p99 µs | p50 more than direct, µs |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    direct = bench.rows.get(("direct", connections))
    for mode, title in MODES.items():
        row = bench.rows.get((mode, connections))
        if row is None:
            continue
        middle = {name: statistics.median(values) for name, values in row.items() if values}
        rate = row["per_second"]
        more = ""
        if mode != "direct" and direct is not None:
            more = f"{middle['p50_us'] - statistics.median(direct['p50_us']):.0f}"
        ended = f"{middle['ended']:.0f}" if "ended" in middle else ""
        lines.append(
            f"| {title} | {middle['per_second']:.0f} | {min(rate):.0f}..{max(rate):.0f} | {ended} | "
            f"{middle['p50_us']:.0f} | {middle['p99_us']:.0f} | {more} |"
        )
    return "\n".join(lines + [""])


def main():
    parser = argparse.ArgumentParser(prog="script/bench tasks", description="What a task costs.")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"), help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="of each row (5)")
    parser.add_argument("--seconds", type=int, default=2, help="of each round (2)")
    parser.add_argument("--only", action="append", choices=MODES, help="this row (may be repeated)")
    arguments = parser.parse_args()
    counts = (1, 64)
    with tempfile.TemporaryDirectory(prefix="attach-bench-", dir=os.environ.get("BENCH_DIR")) as directory:
        bench = Bench(arguments, directory)
        try:
            for _ in range(arguments.rounds):
                for connections in counts:
                    for mode in MODES:
                        if mode in (arguments.only or MODES):
                            measure(bench, mode, connections)
        finally:
            bench.engine.kill()
            bench.issuer.close()
        commit = report.first_line(["git", "describe", "--always", "--dirty"])
        print(f"Commit {commit}. {report.machine()}. {bench.rounds} rounds of {bench.seconds} s.\n")
        print("\n".join(table(bench, connections) for connections in counts))


if __name__ == "__main__":
    main()
