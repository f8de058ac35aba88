"""A layer alone in lamina."""

from __future__ import annotations

import numpy as np
from workloads import Task

import lamina
from lamina.models.graph import lower
from layer_cases import CASES


class Engine:
    """A row of `layer_cases.py`."""

    def __init__(self, key: str, threads: int, options: set[str]) -> None:
        lamina.config.set_num_threads(threads)
        self.case = CASES[key]
        dtype = "int32" if self.case.ids else "float32"
        self.inputs = [lamina.Input(shape[1:], dtype=dtype) for shape in self.case.inputs]
        layer = self.case.lamina(lamina.layers)
        spread = len(self.inputs) == 1 or hasattr(layer, "num_heads") or hasattr(layer, "head_dim")
        self.output = layer(*self.inputs) if spread else layer(self.inputs)

    def _alone(self, data: list[np.ndarray], *, backward: bool) -> dict[str, Task]:
        """Timed in the engine: no loss, no optimizer, nothing copied."""
        runner = lower(self.inputs, [self.output]).runner(0)
        given = [x.astype(np.float32) for x in data]
        return {"lamina": lambda: runner.run_seconds(given, backward)}

    def train(self, data: list[np.ndarray]) -> dict[str, Task]:
        """Forward and backward."""
        return self._alone(data, backward=True)

    def predict(self, data: list[np.ndarray]) -> dict[str, Task]:
        """Forward alone."""
        return self._alone(data, backward=False)

    def call(self, data: list[np.ndarray]) -> dict[str, Task]:
        """A prediction from numpy to numpy."""
        net = lamina.Model(self.inputs, self.output)
        given = data if len(data) > 1 else data[0]
        return {"lamina": lambda: net.predict_on_batch(given)}
