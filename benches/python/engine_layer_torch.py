"""A layer alone in PyTorch: eager, images and volumes with their channels last in memory."""

from __future__ import annotations

import layer_torch
import numpy as np
import torch
from torch import nn
from workloads import Task

from layer_cases import CASES


class Engine:
    """A row of `layer_cases.py`."""

    def __init__(self, key: str, threads: int, options: set[str]) -> None:
        torch.set_num_threads(threads)
        self.case = CASES[key]
        self.layer = self.case.torch(layer_torch)
        if isinstance(self.layer, nn.Module) and len(self.case.inputs[0]) > 3:
            images = len(self.case.inputs[0]) == 4
            self.layer.to(memory_format=torch.channels_last if images else torch.channels_last_3d)

    def _tensors(self, data: list[np.ndarray]) -> list[torch.Tensor]:
        """Images and volumes keep their memory as it is, sequences get their channels first."""
        tensors = [torch.from_numpy(x) for x in data]
        if self.case.channels_first:
            tensors = [x.movedim(-1, 1) for x in tensors]
        return [x.contiguous() if x.dim() == 3 else x for x in tensors]

    def train(self, data: list[np.ndarray]) -> dict[str, Task]:
        """Forward and backward from a gradient that is there already."""
        inputs = [x.requires_grad_(x.is_floating_point()) for x in self._tensors(data)]
        layer = self.layer
        leaves = [*inputs, *(layer.parameters() if isinstance(layer, nn.Module) else ())]
        cotangent = torch.ones_like(layer(*inputs))

        def run() -> None:
            for leaf in leaves:
                leaf.grad = None
            layer(*inputs).backward(cotangent)

        return {"torch": run}

    def predict(self, data: list[np.ndarray]) -> dict[str, Task]:
        """Forward alone, to numpy without a copy."""
        if isinstance(self.layer, nn.Module):
            self.layer.eval()
        inputs = self._tensors(data)

        def run() -> np.ndarray:
            with torch.no_grad():
                return self.layer(*inputs).numpy()

        return {"torch": run}

    call = predict
