"""Training steps of ten workloads in lamina and in every peer that is installed, interleaved.

    python benches/python/compare.py                 # all workloads, all engines, 1 and 2 threads
    python benches/python/compare.py w1 w6 --threads 2 --rounds 7

Each round times one pass over a few batches with every engine in turn, so that a busy machine
disturbs all alike; the best round counts. Prints milliseconds per step, the ratio to lamina, and
the fraction of the machine's FMA peak, taken as the rate of the best large matrix product of numpy.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.util
import os
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
from workloads import WORKLOADS, data, flops

ENGINES = {"lamina": "engine_lamina", "torch": "engine_torch"}

STEPS = {
    "w1": 200,
    "w2": 24,
    "w3": 2,
    "w4": 4,
    "w5": 2,
    "w6": 8,
    "w7": 4,
    "w8": 4,
    "w9": 3,
    "w10": 1,
}


def peak() -> float:
    """GFLOP/s of the best of a few large products, with all threads numpy takes."""
    a = np.random.default_rng(0).standard_normal((2048, 2048), dtype=np.float32)
    best = float("inf")
    for _ in range(5):
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return 2 * 2048**3 / best / 1e9


def compare(key: str, engines: list[str], threads: int, rounds: int) -> dict[str, float]:
    """Milliseconds per step of each engine, the best of `rounds`."""
    work, steps = WORKLOADS[key], STEPS[key]
    x, y = data(key, work.batch * steps)
    made = [importlib.import_module(ENGINES[name]).Engine(key, x, y, threads) for name in engines]
    best = dict.fromkeys(engines, float("inf"))
    for _ in range(rounds):
        for name, engine in zip(engines, made, strict=True):
            start = time.perf_counter()
            engine.run()
            best[name] = min(best[name], (time.perf_counter() - start) / steps * 1e3)
    del made
    gc.collect()
    return best


def main() -> None:
    """Parse the command line, run, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), metavar="w1..w10")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=list(ENGINES))
    options = parser.parse_args()
    unknown = set(options.workloads) - set(WORKLOADS)
    if unknown:
        parser.error(f"unknown workloads {sorted(unknown)}; there are {', '.join(WORKLOADS)}")
    engines = [name for name in options.engines if importlib.util.find_spec(name)]
    limit = peak()
    print(f"numpy's best product: {limit:.0f} GFLOP/s; engines: {', '.join(engines)}")
    print(
        "| workload | threads | "
        + " | ".join(f"{name} ms" for name in engines)
        + " | lamina / best peer | of peak |"
    )
    print("|---" * (len(engines) + 4) + "|")
    for threads in options.threads:
        for key in options.workloads:
            times = compare(key, engines, threads, options.rounds)
            peers = [times[name] for name in engines if name != "lamina"]
            ratio = f"{times['lamina'] / min(peers):.2f}" if peers and "lamina" in times else "-"
            share = flops(key) / (times.get("lamina", float("inf")) * 1e6) / limit
            cells = " | ".join(f"{times[name]:.3g}" for name in engines)
            print(
                f"| {key} {WORKLOADS[key].name} | {threads} | {cells} | {ratio} | {share:.0%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
