"""PyTorch over sequences of different lengths: packed, or padded with the padding left out of sums.

For the LSTM both: on a CPU packed sequences run step by step, padded ones in one call of oneDNN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from ragged_cases import (
    BATCH,
    CLASSES,
    FEATURES,
    FILTERS,
    HEADS,
    RAGGED,
    UNITS,
    WIDTH,
    buckets,
    pad,
    sequences,
    weights,
)
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence
from workloads import Task

Batch = tuple[Any, ...]


class Recurrent(nn.Module):
    """An LSTM over a `PackedSequence`, and its last states."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(FEATURES, UNITS, batch_first=True), nn.Linear(UNITS, CLASSES)

    def give(self, w: dict[str, torch.Tensor]) -> None:
        """Take Keras's weights; their single bias is the first of PyTorch's two."""
        self.lstm.weight_ih_l0.copy_(w["kernel"].T)
        self.lstm.weight_hh_l0.copy_(w["recurrent_kernel"].T)
        self.lstm.bias_ih_l0.copy_(w["bias"])
        self.lstm.bias_hh_l0.zero_()
        self.lstm.bias_hh_l0.requires_grad_(False)

    def forward(self, x: PackedSequence) -> torch.Tensor:
        return self.out(self.lstm(x)[1][0][0])


class Padded(Recurrent):
    """An LSTM over padded sequences, and its states after the last step of each."""

    def forward(self, x: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        y, _ = self.lstm(x)
        return self.out(y[torch.arange(len(y)), steps.sum(1) - 1])


class Convolutions(nn.Module):
    """Two convolutions, padding zero again behind each, and the largest of each channel."""

    def __init__(self) -> None:
        super().__init__()
        sizes = ((FEATURES, FILTERS), (FILTERS, FILTERS))
        self.layers = nn.ModuleList(nn.Conv1d(i, o, 5, padding=2) for i, o in sizes)
        self.out = nn.Linear(FILTERS, CLASSES)

    def give(self, w: dict[str, torch.Tensor]) -> None:
        """Take Keras's weights."""
        for i, layer in enumerate(self.layers):
            layer.weight.copy_(w[f"{i}/kernel"].permute(2, 1, 0))
            layer.bias.copy_(w[f"{i}/bias"])

    def forward(self, x: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        x, steps = x.transpose(1, 2), steps.unsqueeze(1)
        for layer in self.layers:
            x = F.relu(layer(x)) * steps
        return self.out(x.amax(2))


class Attention(nn.Module):
    """A `TransformerEncoderLayer` and the mean over steps, without those of padding."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.out = nn.Linear(FEATURES, WIDTH), nn.Linear(WIDTH, CLASSES)
        self.block = nn.TransformerEncoderLayer(WIDTH, HEADS, 4 * WIDTH, 0, batch_first=True)

    def give(self, w: dict[str, torch.Tensor]) -> None:
        """Take Keras's weights."""
        parts = ("query", "key", "value")
        block, joint = self.block, self.block.self_attn
        kernels = [w[f"{p}/kernel"].reshape(WIDTH, -1).T for p in parts]
        joint.in_proj_weight.copy_(torch.cat(kernels))
        joint.in_proj_bias.copy_(torch.cat([w[f"{p}/bias"].reshape(-1) for p in parts]))
        _give(joint.out_proj, w, "attended")
        _give(self.enter, w, "in")
        _give(block.linear1, w, "wide")
        _give(block.linear2, w, "narrow")

    def forward(self, x: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
        y = self.block(self.enter(x), src_key_padding_mask=~steps)
        kept = steps.unsqueeze(2)
        return self.out((y * kept).sum(1) / kept.sum(1))


NETS = {"lstm": Padded, "conv": Convolutions, "attention": Attention}


def _give(layer: nn.Linear, w: dict[str, torch.Tensor], name: str) -> None:
    kernel = w[f"{name}/kernel"]
    layer.weight.copy_(kernel.reshape(-1, kernel.shape[-1]).T)
    layer.bias.copy_(w[f"{name}/bias"])


class Engine:
    """A row of `ragged_cases.py`."""

    def __init__(self, key: str, threads: int, options: set[str]) -> None:
        torch.set_num_threads(threads)
        self.key, self.rows, labels = key, *sequences(key)
        self.labels = torch.from_numpy(labels).long()
        anyhow = np.split(np.random.default_rng(2).permutation(len(labels)), len(labels) // BATCH)
        alike, net = buckets(self.rows), RAGGED[key].net
        self.ways = {
            "torch padded": (NETS[net], anyhow),
            "torch padded buckets": (NETS[net], alike),
        }
        if net == "lstm":
            self.ways["torch packed"] = Recurrent, anyhow
            self.ways["torch packed buckets"] = Recurrent, alike
        self.losses: dict[str, list[float]] = {}
        self.first: dict[str, list[list[float]]] = {}

    def _net(self, kind: type[nn.Module]) -> nn.Module:
        net = kind()
        given = {name: torch.from_numpy(w) for name, w in weights(self.key).items()}
        with torch.no_grad():
            net.give(given)
            _give(net.out, given, "out")
        return net

    def _batch(self, kind: type[nn.Module], part: np.ndarray) -> Batch:
        padded, steps = map(torch.from_numpy, pad([self.rows[i] for i in part]))
        if kind is Recurrent:
            lengths = steps.sum(1)
            return (pack_padded_sequence(padded, lengths, True, enforce_sorted=False),)
        return padded, steps

    def _task(self, name: str, kind: type[nn.Module], parts: list[np.ndarray]) -> Task:
        net = self._net(kind)
        with torch.no_grad():
            self.first[name] = net(*self._batch(kind, np.arange(len(self.rows)))).tolist()
        weights = [w for w in net.parameters() if w.requires_grad]
        optimizer = torch.optim.Adam(weights, 1e-3, fused=True)
        batches = [(self._batch(kind, part), self.labels[part]) for part in parts]
        seen = self.losses[name] = []

        def run() -> None:
            total = torch.zeros(())
            for x, y in batches:
                optimizer.zero_grad(set_to_none=True)
                loss = F.cross_entropy(net(*x), y)
                loss.backward()
                optimizer.step()
                total += loss.detach()
            seen.append(total.item() / len(batches))

        return run

    def train(self) -> dict[str, Task]:
        """An epoch over batches that are tensors already."""
        return {name: self._task(name, *way) for name, way in self.ways.items()}

    def told(self) -> dict[str, Any]:
        """What each net made of the sequences before it was trained, and its loss by epochs."""
        return {"first": self.first, "losses": self.losses}
