"""Epochs of `fit` over sequences of different lengths: what Keras and lamina have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from workloads import Task


class Fits:
    """Nets that are trained side by side, each with data of its own."""

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}
        self.first: dict[str, list[list[float]]] = {}
        self.losses: dict[str, list[float]] = {}

    def add(self, name: str, net: Any, whole: Any, *data: Any, **options: Any) -> None:
        """A net, all its inputs in their order, and what `fit` gets."""
        self.first[name] = np.asarray(net.predict(whole, verbose=0)).tolist()
        seen = self.losses[name] = []

        def run() -> None:
            seen.append(net.fit(*data, verbose=0, **options).history["loss"][0])

        self.tasks[name] = run

    def train(self) -> dict[str, Task]:
        """The tasks: an epoch each."""
        return self.tasks

    def told(self) -> dict[str, Any]:
        """What each net made of the sequences before it was trained, and its loss by epochs."""
        return {"first": self.first, "losses": self.losses}
