"""Every layer alone in lamina and in PyTorch, interleaved: a training step and a prediction.

    python benches/python/layers.py                              # all, one and two threads: minutes
    python benches/python/layers.py conv pooling --threads 1     # those with a word in their name
    python benches/python/layers.py --modes predict --part 2/3   # the second third of the table

The modes: `train` is forward and backward by inputs and weights, from a gradient of the output that
is there already, and `predict` is forward alone. Neither has a loss or an optimizer, and lamina's
are timed in the engine, without the copies that all layers of a model share; `call` is
`predict_on_batch` from numpy to numpy, with them. PyTorch runs eager, under `no_grad` for
predictions, and copies nothing; images and volumes have their channels last in memory, sequences
that are slid along have them first. Short layers show its time per call from Python.
"""

from __future__ import annotations

import argparse

import crew
from compare import workers

from layer_cases import CASES

MODES = ["train", "predict", "call"]
ENGINES = ["layer_lamina", "layer_torch"]
Row = tuple[str, int, str, float, float]
"""Layer, threads, mode, milliseconds of lamina and of PyTorch."""


def chosen(words: list[str], part: str) -> list[str]:
    """The layers with any of the words in their names; of these, one of several parts."""
    names = [n for n in CASES if not words or any(w.lower() in n.lower() for w in words)]
    index, count = map(int, part.split("/"))
    return names[index - 1 :: count]


def measure(options: argparse.Namespace) -> list[Row]:
    """The rows, printed as they come."""
    rows: list[Row] = []
    print("| layer | threads | mode | lamina ms | PyTorch ms | ratio |\n|---|---|---|---|---|---|")
    for threads in options.threads:
        with workers(ENGINES, threads) as crowd:
            for key in chosen(options.words, options.part):
                # Dropout does nothing in predictions.
                for mode in [m for m in options.modes if m == "train" or "Dropout" not in key]:
                    best, failed = crew.rounds(
                        crowd, key, mode, [], options.rounds, options.seconds
                    )
                    for name, reason in failed.items():
                        print(f"<!-- {key} {mode} {name} failed: {reason} -->", flush=True)
                    if len(best) == 2:
                        rows.append((key, threads, mode, best["lamina"], best["torch"]))
                        print(shown(rows[-1]), flush=True)
    return rows


def shown(row: Row) -> str:
    """A line of the table."""
    key, threads, mode, ours, theirs = row
    return f"| {key} | {threads} | {mode} | {ours:.3g} | {theirs:.3g} | {ours / theirs:.2f} |"


def main() -> None:
    """Parse the command line, run, print the table and the slowest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", metavar="word", help="in the names of layers")
    parser.add_argument("--modes", nargs="+", default=MODES, choices=MODES)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--part", default="1/1", help="such as 2/3: every third row")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.05, help="length of a block")
    rows = measure(parser.parse_args())
    slowest = sorted(rows, key=lambda row: row[4] / row[3])[:5]
    print("\nSlowest beside PyTorch:", *(shown(row) for row in slowest), sep="\n")


if __name__ == "__main__":
    main()
