"""What the drivers share: arguments, processors, timed windows and the line of figures.

Imported before the library under test, because thread pools look at the allowed processors when they start.
"""

import argparse
import json
import os
import resource
import time

DIMENSION = 4
SIDE = 20
REWARD = {"R0": 1e-3, "R1": 0.5, "R2": 2.0}
HIDDEN = 256
LEARNING_RATE = 1e-3
LOG_Z_LEARNING_RATE = 0.1
SUB_TRAJECTORY_LAMBDA = 0.9

# Shortest warm-up in seconds: processors need a moment to reach their speed, and libraries to fill their caches.
WARM_UP_S = 0.5


def arguments(description, objectives=("tb",), has_exit=True):
    """Parses the command line and restricts the process to the asked number of processors."""
    parser = argparse.ArgumentParser(description=description)
    if has_exit:
        parser.add_argument(
            "--stop-probability",
            type=float,
            default=0.0,
            help="probability of the exit in every state; 0 samples from the policy itself",
        )
    parser.add_argument("--objective", choices=objectives, default=objectives[0])
    parser.add_argument("--batch-size", type=int, default=16, help="trajectories of an iteration")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a window")
    parser.add_argument("--windows", type=int, default=3)
    parser.add_argument("--warm-up", type=int, default=5, help="least iterations before the first window")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--platform", default="cpu", help="of JAX: cpu, cuda, rocm; torch runs on the CPU")
    options = parser.parse_args()
    options.stop_probability = getattr(options, "stop_probability", 0.0)
    if not 0.0 <= options.stop_probability < 1.0:
        parser.error("--stop-probability has to be at least 0 and less than 1")
    if min(options.batch_size, options.windows, options.warm_up, options.threads) < 1 or options.seconds <= 0.0:
        parser.error("--batch-size, --windows, --warm-up and --threads have to be at least 1, --seconds positive")
    # Read by JAX when it is imported; torch does not know them.
    os.environ["JAX_PLATFORMS"] = options.platform
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[: options.threads])
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(options.threads)
    return options


def warm_up(options, run):
    """Runs until the speed has settled and returns the seconds of an iteration."""
    run(options.warm_up)
    total = 0.0
    while True:
        start = time.perf_counter()
        run(options.warm_up)
        elapsed = time.perf_counter() - start
        total += elapsed
        if total >= WARM_UP_S:
            return elapsed / options.warm_up


def measure(options, run):
    """Times windows of `run(n)`, which makes `n` iterations and returns their number of transitions.

    A window ends with the first chunk that passes its length; chunks take about a tenth of a window, so that the clock
    is read rarely and a compiled loop stays in its own code.
    """
    chunk = max(1, round(options.seconds / 10 / warm_up(options, run)))
    rates, iterations, transitions, total = [], 0, 0, 0.0
    for _ in range(options.windows):
        done, elapsed = 0, 0.0
        start = time.perf_counter()
        while elapsed < options.seconds:
            transitions += run(chunk)
            done += chunk
            elapsed = time.perf_counter() - start
        rates.append(done / elapsed)
        iterations += done
        total += elapsed
    return {
        "iterations_per_s": rates,
        "mean_length": transitions / (iterations * options.batch_size),
        "transitions_per_s": transitions / total,
    }


def report(options, library, version, compile_s, figures):
    """Prints the line of JSON that `compare.py` reads."""
    line = {
        "library": library,
        "version": version,
        "objective": options.objective,
        "batch_size": options.batch_size,
        **figures,
        "threads": options.threads,
        "platform": options.platform,
        "stop_probability": options.stop_probability,
        "compile_s": compile_s,
        # Linux counts in KiB.
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    print(json.dumps(line), flush=True)
