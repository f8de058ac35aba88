"""lamina: `fit` runs many batches in a call; prediction by calling the model and by the batch."""

from __future__ import annotations

import keras_models
import numpy as np
from workloads import WORKLOADS, Task

import lamina


class Engine:
    """A workload in lamina."""

    def __init__(self, key: str, threads: int, options: set[str]) -> None:
        lamina.config.set_num_threads(threads)
        self.key, self.batch = key, WORKLOADS[key].batch
        self.net = keras_models.model(lamina, key)

    def train(self, x: np.ndarray, y: np.ndarray) -> dict[str, Task]:
        """Steps over batches in order."""
        data = keras_models.inputs(self.key, x)
        fit, batch = self.net.fit, self.batch
        return {"lamina": lambda: fit(data, y, batch, 1, 0, shuffle=False)}

    def fit(self, x: np.ndarray, y: np.ndarray) -> dict[str, Task]:
        """An epoch over shuffled rows."""
        data = keras_models.inputs(self.key, x)
        return {"lamina": lambda: self.net.fit(data, y, self.batch, 1, 0)}

    def infer(self, x: np.ndarray) -> dict[str, Task]:
        """One batch through the model, in three ways."""
        net, data = self.net, keras_models.inputs(self.key, x)
        return {
            "lamina": lambda: net.predict_on_batch(data),
            "lamina model(x)": lambda: net(data, training=False),
            "lamina predict": lambda: net.predict(data, len(x), 0),
        }
