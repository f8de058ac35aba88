"""lamina over sequences of different lengths: without padding, and padded with a mask."""

from __future__ import annotations

from ragged_cases import BATCH, model, padded_inputs, sequences
from ragged_fit import Fits

import lamina


class Engine(Fits):
    """A row of `ragged_cases.py`."""

    def __init__(self, key: str, threads: int, options: set[str]) -> None:
        super().__init__()
        lamina.config.set_num_threads(threads)
        rows, labels = sequences(key)
        data = {"lamina": (lamina.utils.Ragged(rows), False)}
        data["lamina padded"] = padded_inputs(key, rows), True
        for name, (x, masked) in data.items():
            net = model(lamina, key, masked=masked)
            self.add(name, net, x, x, labels, batch_size=BATCH)
