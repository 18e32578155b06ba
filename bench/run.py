# SPDX-License-Identifier: MIT
"""Compares the gateway with nginx, HAProxy and a bare relay on this machine; script/bench calls it. See README.md."""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import identities
import report
import sections
import servers

ENGINE_START_S = 5


class Bench:
    """What all measurements share: the programs, the keys, the engine, and the servers that run."""

    def __init__(self, arguments, directory):
        cpus = sorted(os.sched_getaffinity(0))
        self.build = arguments.build.resolve()
        self.rounds = arguments.rounds
        self.seconds = arguments.seconds
        self.directory = pathlib.Path(directory)
        self.server_cpu, self.load_cpu = cpus[0], cpus[-1]
        os.sched_setaffinity(0, {self.load_cpu})
        self.signers = {name: identities.Signer(name) for name in ("RS256", "ES256")}
        self.issuer = identities.Issuer(self.signers.values())
        self.token_files = {}
        self.tokens_sent = collections.Counter()
        self.foreign_shares = []  # of the server's CPU, taken by others while it was measured
        self.servers = {}
        self.engine_port = servers.free_port()
        self.engine = subprocess.Popen([self.program("bench-engine"), "--port", str(self.engine_port)])

    def program(self, name):
        return str(self.build / "bench" / name)

    def key_file(self, algorithm):
        path = self.directory / f"{algorithm}.pem"
        if not path.exists():
            path.write_bytes(self.signers[algorithm].public_pem())
        return path

    def token_file(self, algorithm, count):
        path = self.directory / f"{algorithm}-{count}.tokens"
        if path not in self.token_files:
            identities.write_tokens(path, self.signers[algorithm], self.issuer.url, count)
            self.token_files[path] = path.read_text().splitlines()
        return path

    def token(self, algorithm):
        return self.token_files[self.token_file(algorithm, 1)][0]

    def running(self, name):
        if name not in self.servers:
            self.servers[name] = servers.make(self, name)
            self.servers[name].start()
        return self.servers[name]

    def close(self):
        for server in self.servers.values():
            server.stop()
        self.engine.terminate()
        self.engine.wait()
        self.issuer.close()


def require_release(build):
    """Numbers of another build would say nothing about what users run."""
    options = json.loads((build / "meson-info" / "intro-buildoptions.json").read_text())
    values = {option["name"]: option["value"] for option in options}
    if values["buildtype"] != "release" or values.get("sanitize", "none") != "none":
        raise SystemExit(f"{build} is not a release build without sanitizers; name another with BUILD_DIR")


def read_arguments():
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the build directory")
    parser.add_argument("--rounds", type=int, default=5, help="how often each server is measured (5)")
    parser.add_argument("--seconds", type=int, default=3, help="length of one measurement (3)")
    parser.add_argument("--quick", action="store_true", help="one round of one second")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="only this section or server; may be repeated. Sections: "
        f"{', '.join(sections.ROWS)}. Servers: {', '.join(servers.KINDS)}",
    )
    parser.add_argument("--write", type=pathlib.Path, metavar="FILE", help="write the tables to FILE, too")
    arguments = parser.parse_args()
    unknown = set(arguments.only) - set(sections.ROWS) - set(servers.KINDS)
    if unknown:
        parser.error(f"no such section or server: {', '.join(unknown)}")
    if arguments.rounds < 1 or arguments.seconds < 1:
        parser.error("--rounds and --seconds are at least 1")
    if arguments.quick:
        arguments.rounds = arguments.seconds = 1
    return arguments


def chosen_rows(only):
    """Section -> rows to measure."""
    names = set(only)
    some_sections = names & set(sections.ROWS)
    some_servers = names & set(servers.KINDS)
    chosen = {}
    for section, rows in sections.ROWS.items():
        if some_sections and section not in some_sections:
            continue
        rows = [row for row in rows if not some_servers or row == "direct" or sections.server_of(row) in some_servers]
        if rows and rows != ["direct"]:
            chosen[section] = rows
    return chosen


def measure(bench, only):
    results = sections.Results()
    for section, rows in chosen_rows(only).items():
        rounds = 1 if section in sections.ONCE else bench.rounds
        for number in range(rounds):
            print(f"{section}: round {number + 1} of {rounds}", file=sys.stderr)
            for row in rows:
                sections.MEASURES[section](bench, results, row)
    return results


def main():
    arguments = read_arguments()
    require_release(arguments.build)
    with tempfile.TemporaryDirectory(prefix="attach-bench-") as directory:
        bench = Bench(arguments, directory)
        try:
            text = report.write(bench, measure(bench, arguments.only))
        finally:
            bench.close()
    print(text)
    if arguments.write is not None:
        arguments.write.write_text(text)


main()
