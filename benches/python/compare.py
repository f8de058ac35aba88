"""Ten workloads in lamina and in every peer that is installed, interleaved in one run.

    python benches/python/compare.py                          # training steps, 1 and 2 threads
    python benches/python/compare.py w1 w6 --threads 2 --rounds 7
    python benches/python/compare.py --mode fit               # epochs from numpy arrays, shuffled
    python benches/python/compare.py --mode infer1            # one sample; infer256: a batch
    python benches/python/compare.py w4 --mode start          # import, first step, memory

Every engine is a process of its own, and all but one are stopped at any time. A round times a block
of each in turn, so that a busy machine disturbs all alike; the best block counts. The last columns
are lamina's time over that of the best peer, and lamina's fraction of the FMA peak, which is
measured before. Engines that are not installed are left out.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

import crew
import machine
import start
from workloads import WORKLOADS, flops

ENGINES = {
    "lamina": ["lamina"],
    "torch": ["torch"],
    "jax": ["jax", "optax"],
    "tensorflow": ["tensorflow", "keras"],
    "sklearn": ["sklearn"],
    "onnxruntime": ["onnxruntime", "onnx", "torch"],
}


def installed(names: list[str]) -> list[str]:
    """Those whose packages are there."""
    return [n for n in names if all(map(importlib.util.find_spec, ENGINES[n]))]


@contextmanager
def workers(names: list[str], threads: int) -> Iterator[list[crew.Worker]]:
    """A worker for each engine, ended at the end."""
    made = [crew.Worker(name, threads) for name in names]
    try:
        yield made
    finally:
        for worker in made:
            worker.close()


def row(key: str, mode: str, threads: int, best: dict[str, float], peaks: dict[int, float]) -> str:
    """A line of the table."""
    ours = {name: ms for name, ms in best.items() if name.startswith("lamina")}
    peers = {name: ms for name, ms in best.items() if name not in ours}
    first = f"{key} {WORKLOADS[key].name} | {threads}"
    if not ours:
        return f"| {first} | - | - | - | - | - |"
    name, mine = min(ours.items(), key=lambda item: item[1])
    winner, least = min(peers.items(), key=lambda item: item[1], default=("-", float("nan")))
    others = ", ".join(
        f"{n} {ms:.3g}" for n, ms in sorted(best.items(), key=lambda item: item[1]) if n != name
    )
    share = "-"
    if mode in ("train", "fit") and threads in peaks:
        share = f"{flops(key) / mine / 1e6 / peaks[threads]:.0%}"
    peer = f"{winner} {least:.3g}" if peers else "-"
    return f"| {first} | {mine:.3g} | {peer} | {mine / least:.2f} | {share} | {others} |"


def compare(options: argparse.Namespace, engines: list[str]) -> None:
    """Print a table of times."""
    peaks, found = machine.peaks()
    told = ", ".join(f"{n}: {rate:.0f}" for n, rate in peaks.items())
    print(f"FMA peak by cores, GFLOP/s: {told} ({found}); engines: {', '.join(engines)}\n")
    unit = "step" if options.mode in ("train", "fit") else "call"
    print(f"ms per {unit}, mode {options.mode}, best of {options.rounds} rounds\n")
    print("| workload | threads | lamina | best peer | ratio | of peak | all others |")
    print("|---|---|---|---|---|---|---|")
    settings = ["compile"] if options.compile else []
    for threads in options.threads:
        with workers(engines, threads) as crowd:
            for key in options.workloads:
                if options.mode.startswith("infer") and not WORKLOADS[key].infers:
                    continue
                best, failed = crew.rounds(
                    crowd, key, options.mode, settings, options.rounds, options.seconds
                )
                print(row(key, options.mode, threads, best, peaks), flush=True)
                for name, reason in failed.items():
                    print(f"<!-- {key} {name} failed: {reason} -->", flush=True)


def starts(options: argparse.Namespace, engines: list[str]) -> None:
    """Print a table of beginnings."""
    print("| engine | workload | import s | first step s | peak MB |\n|---|---|---|---|---|")
    for key in options.workloads:
        for engine in engines:
            told = [start.once(engine, key) for _ in range(options.rounds)]
            good = [one for one in told if one is not None]
            if good:
                cells = " | ".join(f"{min(one[name] for one in good):.3g}" for name in good[0])
                print(f"| {engine} | {key} {WORKLOADS[key].name} | {cells} |", flush=True)


def main() -> None:
    """Parse the command line, run, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), metavar="w1..w10")
    modes = ["train", "fit", "infer1", "infer256", "start"]
    parser.add_argument("--mode", default="train", choices=modes)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.2, help="length of a block")
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument("--compile", action="store_true", help="torch.compile, too")
    options = parser.parse_args()
    unknown = set(options.workloads) - set(WORKLOADS)
    if unknown:
        parser.error(f"unknown workloads {sorted(unknown)}; there are {', '.join(WORKLOADS)}")
    engines = installed(options.engines)
    if options.mode == "start":
        starts(options, [name for name in engines if name in start.MODULES])
    else:
        compare(options, engines)


if __name__ == "__main__":
    main()
