"""Sequences of different lengths: in batches of one length each, against padding and a mask.

    python benches/python/ragged.py            # a table of seconds per epoch
    python benches/python/ragged.py --quick    # small, to see that it runs

Both train the same LSTM on the same sequences. Lengths are drawn from an exponential distribution,
as those of sentences and sessions are: the longest is several times the mean.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import lamina
from lamina import layers

FEATURES, BATCH, REPEATS = 16, 32, 5


def draw(count: int, mean: int, steps: int) -> list[np.ndarray]:
    """Sequences whose lengths are multiples of `steps`: as they come, or rounded by the user."""
    rng = np.random.default_rng(0)
    lengths = np.maximum(1, np.ceil(rng.exponential(mean / steps, count)).astype(int)) * steps
    return [rng.normal(size=(n, FEATURES)).astype("float32") for n in lengths]


def model(units: int, masked: bool) -> lamina.Sequential:
    """The network."""
    lamina.utils.set_random_seed(0)
    mask = [layers.Masking()] if masked else []
    made = lamina.Sequential(
        [lamina.Input((None, FEATURES)), *mask, layers.LSTM(units), layers.Dense(1)]
    )
    made.compile("adam", "mse")
    return made


def best(trained: lamina.Sequential, x: object, y: np.ndarray) -> float:
    """The least time of several epochs after one to warm up."""
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        trained.fit(x, y, BATCH, verbose=0)
        times.append(time.perf_counter() - start)
    return min(times[1:])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    count, mean = (64, 8) if quick else (4096, 40)
    print("units  lengths of  steps needed  padded  ragged s  masked s  masked / ragged")
    for units in (8,) if quick else (32, 128):
        for steps in (1, 8):
            sequences = draw(count, mean, steps)
            targets = np.array([row.mean() for row in sequences])
            padded = lamina.utils.pad_sequences(sequences, dtype="float32", padding="post")
            one = best(model(units, False), sequences, targets)
            two = best(model(units, True), padded, targets)
            needed = sum(map(len, sequences))
            all_steps = padded.shape[0] * padded.shape[1]
            print(
                f"{units:5}  {steps:10}  {needed:12}  {all_steps:6}  "
                f"{one:8.3f}  {two:8.3f}  {two / one:15.2f}"
            )


if __name__ == "__main__":
    main()
