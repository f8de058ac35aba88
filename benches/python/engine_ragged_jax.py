"""Keras on JAX over sequences of different lengths."""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "jax"

from ragged_keras import Epochs


class Engine(Epochs):
    """A row of `ragged_cases.py`."""

    def __init__(self, key: str, threads: int, options: set[str]) -> None:
        super().__init__(key, "keras jax")
