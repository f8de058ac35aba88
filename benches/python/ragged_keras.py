"""Keras over padded sequences: to the longest of all, and in batches of similar lengths."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from ragged_cases import BATCH, buckets, model, padded_inputs, sequences
from ragged_fit import Fits

MULTIPLE = 32
"""Lengths of buckets are rounded up to this, as every other shape is compiled anew."""


class Buckets(keras.utils.PyDataset):
    """Batches that are padded already."""

    def __init__(self, batches: list[tuple[Any, np.ndarray]]) -> None:
        super().__init__()
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> tuple[Any, np.ndarray]:
        return self.batches[index]


class Epochs(Fits):
    """A row of `ragged_cases.py` in Keras's `fit`."""

    def __init__(self, key: str, name: str) -> None:
        super().__init__()
        rows, labels = sequences(key)
        whole = padded_inputs(key, rows)
        self.add(
            f"{name} padded", model(keras, key, masked=True), whole, whole, labels, batch_size=BATCH
        )
        cut = [
            (padded_inputs(key, [rows[i] for i in part], MULTIPLE), labels[part])
            for part in buckets(rows)
        ]
        self.add(f"{name} buckets", model(keras, key, masked=True), whole, Buckets(cut))
