"""Runs our program on devices over batch sizes, and gfnx on the same card, and writes a table.

A cell that fails, for example for want of memory, is a line of the table with its reason; the others still run. gfnx runs
where its JAX sees the platform that a device asks for, and the table says where it does not.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import figures
from compare import write
from workloads import HERE, MODES, OURS, WORKLOADS

# The platform of JAX on the card of a device; backends that have none on every card are left out.
PLATFORMS = {"cuda": "cuda", "wgpu": "cuda", "vulkan": "cuda", "flex": "cpu", "ndarray": "cpu", "cpu": "cpu"}
BATCHES = [16, 256, 4096, 65536]
# Iterations before the first window: as many trajectories whatever the batch, and some where batches are large.
WARM_UP_TRAJECTORIES = 1024
WARM_UP_LEAST = 2
COLUMNS = ["rollout", "evaluation", "backward", "optimiser"]


def parse_arguments():
    def listed(kind):
        return lambda value: [kind(part) for part in value.split(",") if part]

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True, help="the gfn-bench program, built with the devices")
    parser.add_argument("--gfnx", help="Python of the environment with gfnx")
    parser.add_argument("--devices", type=listed(str), required=True, help="separated by commas")
    parser.add_argument("--batches", type=listed(int), default=BATCHES)
    parser.add_argument("--workloads", type=listed(str), default=list(WORKLOADS))
    parser.add_argument("--sampling", default="automatic", help="automatic, host or device: see gfn-bench speed --help")
    parser.add_argument("--windows", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a window")
    parser.add_argument("--threads", type=int, default=0, help="of both programs; 0 for all processors")
    parser.add_argument("--timeout", type=float, default=1800.0, help="seconds after which a cell has failed")
    parser.add_argument("--out", type=Path, required=True, help="folder of the table")
    options = parser.parse_args()
    unknown = sorted(set(options.workloads) - set(WORKLOADS))
    if unknown:
        parser.error(f"unknown {', '.join(unknown)}; known are {', '.join(WORKLOADS)}")
    others = sorted({device for device in options.devices if device.split(":")[0] not in PLATFORMS})
    if others:
        parser.error(f"unknown devices {', '.join(others)}; known are {', '.join(PLATFORMS)}")
    if not options.threads:
        options.threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return options


def mode_of(workload):
    """Where there is a choice, the one that holds the length of trajectories."""
    return workload.modes[-1]


def run(command, timeout):
    """The line of figures, or `{"failed": reason}`."""
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"took more than {timeout:g} s"}
    if done.returncode != 0:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        return {"failed": f"ended with {done.returncode}: {last[:300]}"}
    return json.loads(done.stdout.strip().splitlines()[-1])


def sees(python, platform):
    """Why JAX cannot use the platform; `None` where it can."""
    code = f"import jax; jax.devices({platform!r})"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"JAX sees no platform {platform}"


def commands(options, device, name, batch):
    """Of our program and of gfnx."""
    workload = WORKLOADS[name]
    common = ["--batch-size", batch, "--seconds", options.seconds, "--windows", options.windows]
    common += ["--threads", options.threads]
    common += ["--warm-up", max(WARM_UP_LEAST, WARM_UP_TRAJECTORIES // batch)]
    probability = MODES[mode_of(workload)].stop_probability
    if probability > 0:
        common += ["--stop-probability", probability]
    ours = [options.ours, "speed", "--workload", workload.ours, "--device", device, "--transfers"]
    ours += ["--sampling", options.sampling]
    script, *arguments = workload.drivers["gfnx"]
    platform = PLATFORMS[device.split(":")[0]]
    return ours + common, [options.gfnx, HERE / script, *arguments, "--platform", platform, *common]


def measure(options):
    """`{(device, workload, batch): {library: line}}`."""
    results, seen = {}, {}
    for device in options.devices:
        platform = PLATFORMS[device.split(":")[0]]
        if platform not in seen:
            seen[platform] = sees(options.gfnx, platform) if options.gfnx else "gfnx was not asked for"
        for name in options.workloads:
            for batch in options.batches:
                ours, gfnx = commands(options, device, name, batch)
                cell = {OURS: run(ours, options.timeout)}
                cell["gfnx"] = {"failed": seen[platform]} if seen[platform] else run(gfnx, options.timeout)
                results[device, name, batch] = cell
                print(" | ".join(line(device, name, batch, cell)), flush=True)
    return results


def rate(cell):
    return statistics.median(cell["iterations_per_s"])


def line(device, name, batch, cell):
    """The cells of a row of the table."""
    ours, gfnx = cell[OURS], cell["gfnx"]
    start = [device, f"{name}/{mode_of(WORKLOADS[name])}", str(batch)]
    theirs = [gfnx["failed"]] if "failed" in gfnx else [figures.text(rate(gfnx))]
    if "failed" in ours:
        return start + [ours["failed"]] + [""] * (len(COLUMNS) + 4) + theirs + [""]
    transfers = ours["transfers"]
    shares = [f"{ours['shares'][column]:.0%}" for column in COLUMNS]
    moved = [f"{transfers['upload_share']:.1%}", f"{transfers['read_back_share']:.1%}"]
    ratio = "" if "failed" in gfnx else figures.text(rate(ours) / rate(gfnx))
    length = [f"{ours['mean_length']:.1f}", figures.text(ours["transitions_per_s"])]
    return start + [figures.text(rate(ours))] + length + shares + moved + theirs + [ratio]


def rows_of(results):
    """The rows of report.json."""
    rows = []
    for (device, name, batch), cell in results.items():
        place = f"{name}/batch-{batch}/{mode_of(WORKLOADS[name])}"
        for library, found in cell.items():
            if "failed" in found:
                continue
            for item in figures.rows_of_library(place, library, [found]):
                # No target of memory holds with a driver of a card in the process.
                rows.append({**item, "study": "speed-devices", "verdict": None} | {"device": f"{device} {library}"})
        if not any("failed" in found for found in cell.values()):
            pairs = zip(cell[OURS]["iterations_per_s"], cell["gfnx"]["iterations_per_s"])
            ratio = figures.row(place, device, "ratio_gfnx", [a / b for a, b in pairs])
            rows.append({**ratio, "study": "speed-devices"})
    return rows


def markdown(options, results):
    header = ["device", "workload", "batch", "gfn it/s", "length", "transitions/s", *COLUMNS]
    header += ["upload", "read-back", "gfnx it/s", "ratio"]
    alignment = ["---", "---", *["---:"] * (len(header) - 2)]
    lines = [line(*key, cell) for key, cell in results.items()]
    text = [
        "# Speed on devices",
        "",
        f"Medians of {options.windows} windows of {options.seconds:g} s, {options.threads} threads. Phases are shares of"
        " these windows. Upload and read-back are shares of a further window in which the device finishes its work before"
        " each transfer and nothing runs beside it, so that each transfer is timed alone; that window is slower than the"
        " others. gfnx runs on the card that JAX sees, and transfers nothing within its loop.",
        "",
        *figures.table(header, alignment, lines),
    ]
    return "\n".join(text) + "\n"


def main():
    options = parse_arguments()
    results = measure(options)
    named = {f"{device}/{name}/batch-{batch}": cell for (device, name, batch), cell in results.items()}
    write(options.out / "windows.json", json.dumps(named, indent=1) + "\n")
    report = {"suite": options.out.name, "rows": rows_of(results)}
    write(options.out / "report.json", json.dumps(report, indent=1) + "\n")
    write(options.out / "report.md", markdown(options, results))
    print(markdown(options, results))
    if all("failed" in cell[OURS] for cell in results.values()):
        sys.exit("every cell of our program has failed")


if __name__ == "__main__":
    main()
