"""The ten workloads: sizes, data and the floating-point operations of a training step.

Conventions for every engine: float32, ids int32, images NHWC, exact GELU, GRU in its "reset after"
form, convolutions under a BatchNormalization without bias.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Task = Callable[[], Any]
"""What is timed: a pass over some batches, or one prediction."""


@dataclass(frozen=True)
class Workload:
    """One network to train: batch size, shape of a sample, kind of target, optimizer."""

    name: str
    batch: int
    x: tuple[int, ...]
    classes: int
    optimizer: str
    about: str
    vocabulary: int = 0
    steps: int = 1
    """Batches in a pass."""
    infers: bool = False
    """Prediction is measured, too."""


WORKLOADS = {
    "w1": Workload("mlp-tiny", 32, (64,), 10, "adam", "64-64-64-10 ReLU", 0, 192, True),
    "w2": Workload("mlp-mnist", 128, (784,), 10, "adam", "784-512-512-10, dropout", 0, 32, True),
    "w3": Workload("mlp-wide", 256, (1024,), 0, "sgd", "1024-4096-4096-1024 GELU, MSE", 0, 1),
    "w4": Workload("cnn-mnist", 64, (28, 28, 1), 10, "adam", "2 conv, 2 dense", 0, 6, True),
    "w5": Workload("cnn-cifar", 64, (32, 32, 3), 10, "sgd", "6 conv with batch norm", 0, 1),
    "w6": Workload("lstm-seq", 32, (100, 64), 10, "adam", "LSTM 128, last state", 0, 8, True),
    "w7": Workload("bigru", 32, (50, 40), 10, "adam", "2-layer bidirectional GRU 128", 0, 4),
    "w8": Workload("char-lm", 64, (64,), 96, "adam", "embedding 64, LSTM 256", 96, 4),
    "w9": Workload("transformer-lm", 16, (128,), 96, "adamw", "4 causal blocks", 96, 3, True),
    "w10": Workload("resnet-18", 32, (32, 32, 3), 10, "sgd", "ResNet-18, CIFAR stem", 0, 1),
}

RESNET = ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1))


def data(key: str, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """`n` samples: inputs and targets."""
    work, random = WORKLOADS[key], np.random.default_rng(seed)
    if work.vocabulary:
        ids = random.integers(0, work.vocabulary, (n, work.x[0] + 1)).astype(np.int32)
        return ids[:, :-1].copy(), ids[:, 1:].copy()
    x = random.standard_normal((n, *work.x), dtype=np.float32)
    if work.classes == 0:
        return x, random.standard_normal((n, 1024), dtype=np.float32)
    # Labels depend on the inputs, so that the loss can fall.
    plane = np.random.default_rng(99).standard_normal((x[0].size, 10), dtype=np.float32)
    return x, (x.reshape(n, -1) @ plane).argmax(1).astype(np.int32)


def _dense(rows: int, i: int, o: int, first: bool = False) -> int:
    return 2 * rows * i * o * (2 if first else 3)


def _conv(b: int, hw: int, k: int, i: int, o: int, first: bool = False) -> int:
    return _dense(b * hw * hw, k * k * i, o, first)


def _recurrent(b: int, t: int, i: int, h: int, gates: int, first: bool = False) -> int:
    return _dense(b * t, i, gates * h, first) + _dense(b * t, h, gates * h)


def flops(key: str) -> int:
    """Operations of products and convolutions in a training step.

    Backward counts twice, but for the gradient of the first layer's input.
    """
    b = WORKLOADS[key].batch
    match key:
        case "w1":
            return _dense(b, 64, 64, True) + _dense(b, 64, 64) + _dense(b, 64, 10)
        case "w2":
            return _dense(b, 784, 512, True) + _dense(b, 512, 512) + _dense(b, 512, 10)
        case "w3":
            return _dense(b, 1024, 4096, True) + _dense(b, 4096, 4096) + _dense(b, 4096, 1024)
        case "w4":
            convolutions = _conv(b, 26, 3, 1, 32, True) + _conv(b, 24, 3, 32, 64)
            return convolutions + _dense(b, 9216, 128) + _dense(b, 128, 10)
        case "w5":
            sizes = (
                (32, 3, 64),
                (32, 64, 64),
                (16, 64, 128),
                (16, 128, 128),
                (8, 128, 256),
                (8, 256, 256),
            )
            return sum(_conv(b, hw, 3, i, o, i == 3) for hw, i, o in sizes) + _dense(b, 256, 10)
        case "w6":
            return _recurrent(b, 100, 64, 128, 4, True) + _dense(b, 128, 10)
        case "w7":
            layers = _recurrent(b, 50, 40, 128, 3, True) + _recurrent(b, 50, 256, 128, 3)
            return 2 * layers + _dense(b, 256, 10)
        case "w8":
            return _recurrent(b, 64, 64, 256, 4) + _dense(b * 64, 256, 96)
        case "w9":
            n, d, t = b * 128, 128, 128
            block = _dense(n, d, 3 * d) + _dense(n, d, d) + _dense(n, d, 512) + _dense(n, 512, d)
            return 4 * (block + 6 * b * t * t * d) + _dense(n, d, 96)
        case _:
            total, i, hw = _conv(b, 32, 3, 3, 64, True), 64, 32
            for o, stride in RESNET:
                hw //= stride
                total += _conv(b, hw, 3, i, o) + _conv(b, hw, 3, o, o)
                total += _conv(b, hw, 1, i, o) if stride != 1 or i != o else 0
                i = o
            return total + _dense(b, 512, 10)
