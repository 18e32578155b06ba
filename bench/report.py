# SPDX-License-Identifier: MIT
"""The tables, in Markdown: medians of the rounds, their least and greatest, and the median of the ratios to nginx."""

import pathlib
import platform
import statistics
import subprocess

import servers

# Section -> heading, and its columns: name, title, decimals.
TABLES = {
    "load": (
        "64 connections, one token",
        [("cpu_us", "CPU µs/request", 1), ("per_second", "requests/s", 0), ("p99_us", "p99 µs", 0)],
    ),
    "first-sight": (
        "64 connections, each request with a token not seen before",
        [("cpu_us", "CPU µs/request", 1), ("per_second", "requests/s", 0)],
    ),
    "latency": ("One connection, everything on one CPU", [("p50_us", "p50 µs", 0), ("p99_us", "p99 µs", 0)]),
    "stream": (
        "64 streams, a chunk each 5 ms",
        [("cpu_us", "CPU µs/chunk", 1), ("first_p99_us", "first chunk p99 µs", 0)],
    ),
    "first-chunk": (
        "Time to the first chunk, one stream, everything on one CPU",
        [("p50_us", "p50 µs", 0), ("p99_us", "p99 µs", 0)],
    ),
    "memory": (
        "Resident memory",
        [("idle_mib", "idle, MiB", 1), ("kept_kib", "KiB per idle connection", 2), ("stream_kib", "KiB per stream", 2)],
    ),
    "start": ("Start to the first 200", [("ms", "ms", 1)]),
}

COMPARED_WITH = "nginx"
FOREIGN_SHARE_MAX = 0.05


class Medians:
    def __init__(self, results):
        self.rows = results.rows

    def values(self, section, row, column):
        return self.rows.get(section, {}).get(row, {}).get(column, [])

    def get(self, section, row, column):
        values = self.values(section, row, column)
        return statistics.median(values) if values else None

    def ratio(self, section, row, base, column):
        """Round by round, so that what disturbs a whole round disturbs the ratio little."""
        pairs = list(zip(self.values(section, row, column), self.values(section, base, column)))
        return statistics.median(value / other for value, other in pairs) if pairs else None

    def added_ratio(self, section, row, base, column):
        """The same of what is added to the engine's own time."""
        columns = [self.values(section, name, column) for name in (row, base, "direct")]
        rounds = [(value - direct, other - direct) for value, other, direct in zip(*columns)]
        return statistics.median(value / max(other, 1) for value, other in rounds) if rounds else None


def shown(value, decimals):
    return "-" if value is None else f"{value:.{decimals}f}"


def compared_with(section, row):
    """Nothing but the relay does what a first sight asks for."""
    return f"relay-{row.rsplit('-', 1)[1]}" if section == "first-sight" else COMPARED_WITH


def table(medians, section):
    heading, columns = TABLES[section]
    first, _, decimals = columns[0]
    titles = [title for _, title, _ in columns]
    lines = [f"### {heading}", ""]
    base = "bare relay" if section == "first-sight" else "nginx"
    lines.append("| | " + " | ".join([titles[0], "rounds", f"× {base}"] + titles[1:]) + " |")
    lines.append("|---|" + "---:|" * (len(columns) + 2))
    for row in medians.rows[section]:
        values = medians.values(section, row, first)
        cells = [
            shown(medians.get(section, row, first), decimals),
            f"{min(values):.{decimals}f}..{max(values):.{decimals}f}",
            shown(medians.ratio(section, row, compared_with(section, row), first), 2),
        ]
        cells += [shown(medians.get(section, row, column), places) for column, _, places in columns[1:]]
        lines.append(f"| {servers.TITLES[row]} | " + " | ".join(cells) + " |")
    return lines + [""]


def targets(medians):
    """What, measured, at most, decimals, unit."""

    def ratio(section, base, column="cpu_us"):
        return medians.ratio(section, "gateway", base, column)

    def held(column):
        return medians.get("memory", "gateway", column)

    def first_sight(algorithm):
        return medians.get("first-sight", f"gateway-{algorithm}", "cpu_us")

    return [
        ("CPU per request", ratio("load", "nginx"), 1, 2, "× nginx"),
        ("CPU per request, stretch", ratio("load", "nginx"), 0.85, 2, "× nginx"),
        ("CPU per request", ratio("load", "haproxy-rs256"), 0.4, 2, "× HAProxy with jwt_verify RS256"),
        ("CPU per request", ratio("load", "relay-cached"), 1.25, 2, "× the bare relay, token cached"),
        ("CPU of the first sight of an RS256 token", first_sight("rs256"), 45, 1, "µs"),
        ("CPU of the first sight of an ES256 token", first_sight("es256"), 90, 1, "µs"),
        (
            "added p50 at one connection",
            medians.added_ratio("latency", "gateway", "nginx", "p50_us"),
            1,
            2,
            "× what nginx adds",
        ),
        ("CPU per streamed chunk", ratio("stream", "nginx"), 1, 2, "× nginx"),
        ("time to the first chunk", ratio("first-chunk", "nginx", "p50_us"), 1, 2, "× nginx"),
        ("memory, idle", held("idle_mib"), 12, 1, "MiB"),
        ("memory per idle connection", held("kept_kib"), 2, 2, "KiB"),
        ("memory per open stream", held("stream_kib"), 12, 2, "KiB"),
        ("start to the first 200", medians.get("start", "gateway", "ms"), 50, 1, "ms"),
    ]


def target_table(medians):
    lines = ["### Targets", "", "| the gateway's | measured | at most | | |", "|---|---:|---:|---|---|"]
    for what, value, limit, decimals, unit in targets(medians):
        if value is not None:
            word = "met" if value <= limit else "**missed**"
            lines.append(f"| {what} | {value:.{decimals}f} | {limit} | {unit} | {word} |")
    return lines + [""]


def first_line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=servers.HERE)
    except OSError:
        return ""
    return (done.stdout + done.stderr).strip().partition("\n")[0]


def machine():
    processor = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            processor = line.split(":", 1)[1].strip()
    return f"{processor}, Linux {platform.release()}"


def heading(bench):
    commit = first_line(["git", "describe", "--always", "--dirty"]) or "no commit"
    nginx = first_line([servers.find_program("nginx"), "-v"]).removeprefix("nginx version: ").replace("/", " ")
    haproxy = first_line([servers.find_program("haproxy"), "-v"])
    haproxy = "HAProxy " + haproxy.split()[2] if haproxy.startswith("HAProxy version") else "HAProxy"
    openssl = first_line(["openssl", "version"]).split(" ", 2)[:2]
    return [
        f"Commit {commit}. {machine()}. Server on CPU {bench.server_cpu}, engine and load on CPU {bench.load_cpu}. "
        f"{bench.rounds} rounds of {bench.seconds} s. {nginx}, {haproxy}, {' '.join(openssl)}.",
        "",
    ] + disturbance(bench)


def disturbance(bench):
    """How alone the server was."""
    if not bench.foreign_shares:
        return []
    share = statistics.median(bench.foreign_shares)
    warning = "**The machine was busy: run it again.** " if share > FOREIGN_SHARE_MAX else ""
    return [f"{warning}Others took {share:.0%} of the server's CPU while it was measured.", ""]


def write(bench, results):
    medians = Medians(results)
    lines = heading(bench)
    if any(value is not None for _, value, *_ in targets(medians)):
        lines += target_table(medians)
    for section in TABLES:
        if section in medians.rows:
            lines += table(medians, section)
    return "\n".join(lines)
