"""PyTorch at its best here: eager, fused optimizer, channels-last images; `compile` on demand."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
import torch_models
from torch.utils.data import DataLoader, TensorDataset
from workloads import WORKLOADS, Task


class Engine:
    """A workload in PyTorch."""

    def __init__(self, key: str, threads: int, options: set[str]) -> None:
        torch.set_num_threads(threads)
        self.work, self.compiles = WORKLOADS[key], "compile" in options
        self.net = torch_models.model(key)
        if len(self.work.x) == 3:
            self.net = self.net.to(memory_format=torch.channels_last)
        weights = self.net.parameters()
        match self.work.optimizer:
            case "adam":
                self.optimizer = torch.optim.Adam(weights, 1e-3, fused=True)
            case "adamw":
                self.optimizer = torch.optim.AdamW(weights, 1e-3, weight_decay=0.01, fused=True)
            case _:
                self.optimizer = torch.optim.SGD(weights, 0.01, momentum=0.9, fused=True)

    def _tensors(self, x: np.ndarray, y: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        inputs = torch.from_numpy(x).long() if self.work.vocabulary else torch.from_numpy(x)
        return inputs, torch.from_numpy(y).long() if self.work.classes else torch.from_numpy(y)

    def _loss(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        out = self.net(x)
        if self.work.classes:
            return F.cross_entropy(out.reshape(-1, self.work.classes), y.reshape(-1))
        return F.mse_loss(out, y)

    def train(self, x: np.ndarray, y: np.ndarray) -> dict[str, Task]:
        """Steps over data that are tensors already."""
        inputs, targets = self._tensors(x, y)
        batch = self.work.batch

        def task(loss_of: Task) -> Task:
            def run() -> None:
                for i in range(0, len(inputs), batch):
                    self.optimizer.zero_grad(set_to_none=True)
                    loss_of(inputs[i : i + batch], targets[i : i + batch]).backward()
                    self.optimizer.step()

            return run

        tasks = {"torch": task(self._loss)}
        if self.compiles:
            tasks["torch compile"] = task(torch.compile(self._loss))
        return tasks

    def fit(self, x: np.ndarray, y: np.ndarray) -> dict[str, Task]:
        """An epoch over shuffled rows: with a DataLoader, and with a permutation by hand."""
        inputs, targets = self._tensors(x, y)
        loader = DataLoader(TensorDataset(inputs, targets), self.work.batch, shuffle=True)

        def step(x: torch.Tensor, y: torch.Tensor) -> None:
            self.optimizer.zero_grad(set_to_none=True)
            self._loss(x, y).backward()
            self.optimizer.step()

        def by_loader() -> None:
            for x, y in loader:
                step(x, y)

        def by_hand() -> None:
            for rows in torch.randperm(len(inputs)).split(self.work.batch):
                step(inputs[rows], targets[rows])

        return {"torch DataLoader": by_loader, "torch": by_hand}

    def infer(self, x: np.ndarray) -> dict[str, Task]:
        """One batch in inference mode, from numpy to numpy."""
        self.net.eval()

        def run() -> np.ndarray:
            with torch.inference_mode():
                data = torch.from_numpy(x)
                return self.net(data.long() if self.work.vocabulary else data).numpy()

        return {"torch": run}
