"""Runs the drivers and our program in turn on one machine and writes their rates and ratios.

In each round every library runs once, in an order that turns round by round, so that a machine that gets slower or
busier meets all of them alike. Ratios are taken window by window within a round.
"""

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
OURS = "gfn"

# Cells: name, probability of the exit in the behaviour. A fixed probability holds the length of trajectories, and with
# it the work of an iteration, equal in all libraries and through the whole run: 1 / 0.03 less what the border cuts off
# is about 30 transitions, the length late in training.
MODES = [("on-policy-early", 0.0), ("length-30", 0.03)]

# Objectives, each with the libraries that have a driver for it.
OBJECTIVES = {"tb": (OURS, "gfnx", "torchgfn"), "db": (OURS, "gfnx")}

# What the comparison is held against: the least ratio of our iterations per second to those of the other library.
TARGET_RATIOS = {"gfnx": 5.0, "torchgfn": 30.0}
TARGET_MEMORY_BYTES = 200 * 1024 * 1024

# Libraries whose lengths differ by more than this share do not do the same work.
LENGTH_TOLERANCE = 0.1

# Busy cores of other programs, averaged over a run, above which a ratio says nothing: thread pools that wait for each
# other lose far more than the share of the processor that is gone.
OTHERS_TOLERANCE = 0.25


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gfnx", help="Python of the environment with gfnx")
    parser.add_argument("--torchgfn", help="Python of the environment with torchgfn")
    parser.add_argument("--ours", help="the gfn-bench program")
    parser.add_argument("--out", type=Path, required=True, help="folder of the report")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--windows", type=int, default=2, help="windows of each run")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a window")
    parser.add_argument("--threads", default="1,2", help="numbers of threads, separated by commas")
    parser.add_argument("--objectives", default=",".join(OBJECTIVES))
    parser.add_argument("--modes", default=",".join(name for name, _ in MODES))
    return parser.parse_args()


def commands(options, objective, stop_probability, threads):
    """The command of each library that was asked for and has the objective."""
    common = ["--stop-probability", stop_probability, "--seconds", options.seconds]
    common += ["--windows", options.windows, "--threads", threads]
    found = {}
    if options.ours:
        found[OURS] = [options.ours, "speed", "--workload", f"{objective}-hypergrid-4d", *common]
    if options.gfnx:
        driver = [HERE / "gfnx_hypergrid.py", "--objective", objective]
        found["gfnx"] = [options.gfnx, *driver, *common]
    if options.torchgfn:
        found["torchgfn"] = [options.torchgfn, HERE / "torchgfn_tb_hypergrid.py", *common]
    return {
        library: [str(part) for part in command]
        for library, command in found.items()
        if library in OBJECTIVES[objective]
    }


def busy_seconds():
    """Processor time that the whole machine has spent, `None` where that is not known."""
    try:
        first = Path("/proc/stat").read_text().splitlines()[0]
    except OSError:
        return None
    user, nice, system, _idle, _wait, interrupt, soft = map(int, first.split()[1:8])
    return (user + nice + system + interrupt + soft) / os.sysconf("SC_CLK_TCK")


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(library, command, threads):
    """Runs one command and returns its line, with the load that others put on the machine meanwhile."""

    def pin():
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])

    start, busy, own = time.perf_counter(), busy_seconds(), children_seconds()
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=pin, check=False)
    wall = time.perf_counter() - start
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended with {done.returncode}:\n{done.stderr[-2000:]}")
    line = json.loads(done.stdout.strip().splitlines()[-1])
    if busy is not None:
        line["other_cores"] = (busy_seconds() - busy - children_seconds() + own) / wall
    rates = ", ".join(f"{rate:.1f}" for rate in line["iterations_per_s"])
    print(
        f"  {library:9} {rates} iterations/s, mean length {line['mean_length']:.1f},"
        f" {line['peak_rss_bytes'] / 2**20:.0f} MiB,"
        f" others use {line.get('other_cores', float('nan')):.2f} cores",
        flush=True,
    )
    return line


def measure(options):
    """All lines, as `{cell: {library: [line of each round]}}`."""
    modes = dict(MODES)
    results = {}
    for threads in map(int, options.threads.split(",")):
        for objective, mode in itertools.product(options.objectives.split(","), options.modes.split(",")):
            cell = f"{objective}-hypergrid-20x4/batch-16/{mode}/threads-{threads}"
            print(cell, flush=True)
            order = list(commands(options, objective, modes[mode], threads).items())
            lines = {library: [] for library, _ in order}
            for turn in range(options.rounds):
                shift = turn % len(order)
                for library, command in order[shift:] + order[:shift]:
                    lines[library].append(run(library, command, threads))
            results[cell] = lines
    return results


def row(cell, device, metric, values, verdict=None):
    return {
        "study": "peers",
        "cell": cell,
        "device": device,
        "metric": metric,
        "n": len(values),
        "median": statistics.median(values),
        "low": min(values),
        "high": max(values),
        "published": None,
        "verdict": verdict,
    }


def at_least(values, target):
    if min(values) >= target:
        return "reproduced"
    return "not reproduced" if max(values) < target else "cannot tell"


def device(library):
    """Ours runs on the backend flex; the others have one CPU backend, named after the library."""
    return "flex" if library == OURS else library


def rows_of(cell, lines):
    rows = []
    for library, runs in lines.items():
        figures = {"iterations_per_s": [rate for run in runs for rate in run["iterations_per_s"]]}
        for metric in (
            "mean_length",
            "transitions_per_s",
            "floor_share",
            "product_rate",
            "compile_s",
            "other_cores",
        ):
            figures[metric] = [run[metric] for run in runs if run.get(metric) is not None]
        # Further groups of figures, such as the shares of the phases of an iteration.
        for group, values in runs[0].items():
            if isinstance(values, dict):
                for name in values:
                    figures[f"{group}.{name}"] = [run[group][name] for run in runs]
        for metric, values in figures.items():
            if values:
                rows.append(row(cell, device(library), metric, values))
        memory = [run["peak_rss_bytes"] for run in runs]
        verdict = None
        if library == OURS:
            verdict = "reproduced" if max(memory) < TARGET_MEMORY_BYTES else "not reproduced"
        rows.append(row(cell, device(library), "peak_memory_bytes", memory, verdict))
    if OURS in lines:
        for library in lines:
            if library != OURS:
                rows += ratios_of(cell, lines[OURS], library, lines[library])
    return rows


def ratios_of(cell, ours, library, theirs):
    """Our rates over theirs, window by window; no verdict on unequal work or a busy machine."""
    pairs = [(mine["iterations_per_s"], other["iterations_per_s"]) for mine, other in zip(ours, theirs)]
    ratios = [mine / other for mines, others in pairs for mine, other in zip(mines, others)]
    transitions = [a["transitions_per_s"] / b["transitions_per_s"] for a, b in zip(ours, theirs)]
    lengths = [statistics.mean(run["mean_length"] for run in runs) for runs in (ours, theirs)]
    unequal = max(lengths) / min(lengths) > 1 + LENGTH_TOLERANCE
    busy = max(run.get("other_cores", 0.0) for run in [*ours, *theirs]) > OTHERS_TOLERANCE
    verdict = "cannot tell" if unequal or busy else at_least(ratios, TARGET_RATIOS[library])
    return [
        row(cell, "flex", f"ratio_{library}", ratios, verdict),
        row(cell, "flex", f"transitions_per_s over {library}", transitions),
    ]


def text(value):
    if value >= 1e6:
        return f"{value / 2**20:.0f} Mi"
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def markdown(options, rows, results):
    versions = {
        library: runs[0]["version"] for lines in results.values() for library, runs in lines.items()
    }
    named = ", ".join(f"{library} {version}" for library, version in versions.items())
    lines = [
        "# Speed beside other libraries",
        "",
        f"Trajectory balance (tb) and detailed balance (db) on the hypergrid 20^4: batch 16, perceptron 2 x 256 with a shared trunk and a learned P_B,"
        f" Adam, single precision, CPU. {named}.",
        "",
        f"{options.rounds} rounds of {options.windows} windows of {options.seconds:g} s for each library, in turn. Low and"
        " high are the smallest and the largest value. Lengths count transitions with the exit. Targets: iterations per"
        f" second at least {TARGET_RATIOS['gfnx']:g} times gfnx and {TARGET_RATIOS['torchgfn']:g} times torchgfn, memory"
        f" below {TARGET_MEMORY_BYTES // 2**20} MiB. `other_cores` is what the rest of the machine was busy with; above"
        f" {OTHERS_TOLERANCE:g}, or where mean lengths differ by more than {LENGTH_TOLERANCE:.0%}, the verdict is"
        " \"cannot tell\".",
        "",
        "| cell | library | metric | n | median | low | high | verdict |",
        "|---|---|---|---:|---:|---:|---:|---|",
    ]
    for item in rows:
        cells = [item["cell"], item["device"], item["metric"], str(item["n"])]
        cells += [text(item[key]) for key in ("median", "low", "high")]
        cells.append(item["verdict"] or "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write(path, content):
    """Under a temporary name first: a reader never sees half of a report."""
    partial = path.with_name(path.name + ".tmp")
    partial.write_text(content)
    partial.replace(path)


def main():
    options = parse_arguments()
    results = measure(options)
    rows = [row for cell, lines in results.items() for row in rows_of(cell, lines)]
    options.out.mkdir(parents=True, exist_ok=True)
    write(options.out / "windows.json", json.dumps(results, indent=1) + "\n")
    write(options.out / "report.json", json.dumps({"suite": options.out.name, "rows": rows}, indent=1) + "\n")
    table = markdown(options, rows, results)
    write(options.out / "report.md", table)
    print(table)


if __name__ == "__main__":
    main()
