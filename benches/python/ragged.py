"""Sequences of different lengths: lamina without padding, beside Keras and PyTorch, interleaved.

    python benches/python/ragged.py                               # all nets, one and two threads
    python benches/python/ragged.py lstm conv --threads 1 --rounds 3
    python benches/python/ragged.py attention --engines lamina torch

The same classifier trains an epoch over the same 1024 sequences. lamina gets them as they are and
makes batches of one length each; "padded" is its own padding with a mask. Keras trains with
padding, by `Masking` or by zeros behind each convolution: to the longest of all, and in buckets,
batches of 32 similar lengths padded to a multiple of 32. PyTorch packs sequences for the LSTM and
pads them for all nets, each batch to its own longest, in random batches and in the same buckets.
Batches of the peers are made beforehand, lamina's in `fit`. Losses are those of the first and the
fifth epoch, or of the last if there are fewer.

All begin with the same weights. What each net makes of every sequence before it is trained is
compared with what lamina makes of that sequence alone: the largest difference is "off by", and a
difference above 0.0001 ends the run.
"""

from __future__ import annotations

import argparse

import crew
import numpy as np
from compare import ENGINES, installed, workers
from ragged_cases import RAGGED, sequences

PEERS = [name for name in ENGINES if name in ("lamina", "torch", "tensorflow", "jax")]


def alone(key: str) -> np.ndarray:
    """What lamina makes of each sequence by itself."""
    from ragged_cases import model

    import lamina

    net = model(lamina, key, masked=False)
    return np.concatenate([net.predict_on_batch(row[np.newaxis]) for row in sequences(key)[0]])


def table(key: str, crowd: list[crew.Worker], options: argparse.Namespace, threads: int) -> None:
    """Print how fast each way of an engine is, how near to the sequences alone, and its losses."""
    best, failed = crew.rounds(crowd, key, "train", [], options.rounds, options.seconds)
    for name, reason in failed.items():
        print(f"<!-- {key} {name} failed: {reason} -->", flush=True)
    right = alone(key)
    told = [worker.ask(tell="told") for worker in crowd]
    first = {name: values for one in told for name, values in one.get("first", {}).items()}
    losses = {name: values for one in told for name, values in one.get("losses", {}).items()}
    for name, ms in sorted(best.items(), key=lambda item: item[1]):
        off = np.abs(np.array(first[name]) - right).max()
        if off > 1e-4:
            raise SystemExit(f"{key}: {name} is off by {off:.2g} from the sequences alone")
        ratio = ms / best.get("lamina", float("nan"))
        seen = losses[name]
        print(
            f"| {key} | {threads} | {name} | {ms:.4g} | {ratio:.2f} | {off:.0e} "
            f"| {seen[0]:.3f}, {seen[min(4, len(seen) - 1)]:.3f} |",
            flush=True,
        )


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=list(RAGGED), metavar="|".join(RAGGED))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.2, help="length of a block")
    parser.add_argument("--engines", nargs="+", default=PEERS, choices=PEERS)
    options = parser.parse_args()
    unknown = set(options.cases) - set(RAGGED)
    if unknown:
        parser.error(f"unknown cases {sorted(unknown)}; there are {', '.join(RAGGED)}")
    for key in options.cases:
        lengths = [len(row) for row in sequences(key)[0]]
        steps, padded = sum(lengths), len(lengths) * max(lengths)
        print(
            f"{key}: {len(set(lengths))} lengths from {min(lengths)} to {max(lengths)}; "
            f"{steps} steps, {padded} padded to the longest"
        )
    print("\n| net | threads | engine | ms per epoch | of lamina's | off by | losses |")
    print("|---|---|---|---|---|---|---|")
    engines = [f"ragged_{name}" for name in installed(options.engines)]
    for threads in options.threads:
        with workers(engines, threads) as crowd:
            for key in options.cases:
                table(key, crowd, options, threads)


if __name__ == "__main__":
    main()
