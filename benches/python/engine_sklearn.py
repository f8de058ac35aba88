"""scikit-learn's MLPClassifier: the two small networks without dropout, which it does not have."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.neural_network import MLPClassifier
from workloads import WORKLOADS, Task

HIDDEN = {"w1": (64, 64), "w2": (512, 512)}


class Engine:
    """A workload in scikit-learn."""

    def __init__(self, key: str, threads: int, options: set[str]) -> None:
        if key not in HIDDEN:
            raise NotImplementedError(key)
        warnings.simplefilter("ignore")
        self.net = MLPClassifier(
            HIDDEN[key], alpha=0.0, batch_size=WORKLOADS[key].batch, max_iter=1, warm_start=True
        )

    def train(self, x: np.ndarray, y: np.ndarray) -> dict[str, Task]:
        """An epoch: it has no call for a step in order."""
        return self.fit(x, y)

    def fit(self, x: np.ndarray, y: np.ndarray) -> dict[str, Task]:
        """An epoch over shuffled rows."""
        y = y.copy()
        y[:10] = np.arange(10)  # every class is there, whatever the data say
        return {"sklearn": lambda: self.net.fit(x, y)}

    def infer(self, x: np.ndarray) -> dict[str, Task]:
        """Probabilities of one batch."""
        random = np.random.default_rng(0)
        rows = random.standard_normal((320, x.shape[1]), dtype=np.float32)
        self.net.fit(rows, np.arange(320) % 10)
        return {"sklearn": lambda: self.net.predict_proba(x)}
