"""Classifiers of sequences of different lengths: data, first weights, nets in Keras's words.

All engines begin with the same weights, so that what they make of a sequence can be compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

COUNT, BATCH, FEATURES, CLASSES = 1024, 32, 32, 5
UNITS, FILTERS, WIDTH, HEADS = 128, 64, 64, 4


@dataclass(frozen=True)
class Case:
    """A net, and how long its sequences are."""

    net: str
    lengths: Callable[[np.random.Generator], np.ndarray]


def _wide(random: np.random.Generator) -> np.ndarray:
    """As those of sentences and sessions: many short ones, a few long ones."""
    return np.clip(random.lognormal(np.log(40), 0.7, COUNT), 10, 200)


def _steps_of_8(random: np.random.Generator) -> np.ndarray:
    return np.ceil(_wide(random) / 8) * 8


def _narrow(random: np.random.Generator) -> np.ndarray:
    return random.integers(90, 111, COUNT)


RAGGED = {
    "lstm": Case("lstm", _wide),
    "lstm-8": Case("lstm", _steps_of_8),
    "lstm-narrow": Case("lstm", _narrow),
    "conv": Case("conv", _wide),
    "attention": Case("attention", _wide),
}

_SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "lstm": {
        "kernel": (FEATURES, 4 * UNITS),
        "recurrent_kernel": (UNITS, 4 * UNITS),
        "bias": (4 * UNITS,),
        "out/kernel": (UNITS, CLASSES),
        "out/bias": (CLASSES,),
    },
    "conv": {
        "0/kernel": (5, FEATURES, FILTERS),
        "0/bias": (FILTERS,),
        "1/kernel": (5, FILTERS, FILTERS),
        "1/bias": (FILTERS,),
        "out/kernel": (FILTERS, CLASSES),
        "out/bias": (CLASSES,),
    },
    "attention": {
        "in/kernel": (FEATURES, WIDTH),
        "in/bias": (WIDTH,),
        **{
            f"{part}/{name}": (*axes, HEADS, WIDTH // HEADS)
            for part in ("query", "key", "value")
            for name, axes in (("kernel", (WIDTH,)), ("bias", ()))
        },
        "attended/kernel": (HEADS, WIDTH // HEADS, WIDTH),
        "attended/bias": (WIDTH,),
        "norm1/gamma": (WIDTH,),
        "norm1/beta": (WIDTH,),
        "wide/kernel": (WIDTH, 4 * WIDTH),
        "wide/bias": (4 * WIDTH,),
        "narrow/kernel": (4 * WIDTH, WIDTH),
        "narrow/bias": (WIDTH,),
        "norm2/gamma": (WIDTH,),
        "norm2/beta": (WIDTH,),
        "out/kernel": (WIDTH, CLASSES),
        "out/bias": (CLASSES,),
    },
}


def weights(key: str) -> dict[str, np.ndarray]:
    """The first weights, with Keras's shapes and in Keras's order."""
    random = np.random.default_rng(1)

    def first(name: str, shape: tuple[int, ...]) -> np.ndarray:
        if name.endswith("kernel"):
            return (0.1 * random.standard_normal(shape)).astype(np.float32)
        return np.full(shape, float(name.endswith("gamma")), np.float32)

    return {name: first(name, shape) for name, shape in _SHAPES[RAGGED[key].net].items()}


def sequences(key: str) -> tuple[list[np.ndarray], np.ndarray]:
    """The sequences, and a class for each that depends on its mean."""
    random = np.random.default_rng(0)
    lengths = RAGGED[key].lengths(random).astype(int)
    rows = [random.standard_normal((n, FEATURES), np.float32) for n in lengths]
    plane = random.standard_normal((FEATURES, CLASSES))
    return rows, np.stack([row.mean(0) for row in rows] @ plane).argmax(1).astype(np.int32)


def pad(rows: list[np.ndarray], multiple: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The sequences with zeros behind them, and which steps are theirs."""
    longest = -(-max(map(len, rows)) // multiple) * multiple
    padded = np.zeros((len(rows), longest, FEATURES), np.float32)
    for space, row in zip(padded, rows, strict=True):
        space[: len(row)] = row
    steps = np.arange(longest) < np.array([[len(row)] for row in rows])
    return padded, steps


def buckets(rows: list[np.ndarray]) -> list[np.ndarray]:
    """Batches of sequences of about the same length, in any order."""
    by_length = np.argsort([len(row) for row in rows], kind="stable")
    parts = np.split(by_length, range(BATCH, len(rows), BATCH))
    return [parts[i] for i in np.random.default_rng(2).permutation(len(parts))]


def model(k: Any, key: str, *, masked: bool) -> Any:
    """The net in `k`, which is Keras or lamina, with the first weights, compiled."""
    layers, net = k.layers, RAGGED[key].net
    inputs = [k.Input((None, FEATURES))]
    x = layers.Masking()(inputs[0]) if masked and net != "conv" else inputs[0]
    if net == "lstm":
        x = layers.LSTM(UNITS)(x)
    elif net == "conv":
        # Masks do not pass convolutions: what they make of padding is set to zero again.
        inputs += [k.Input((None, 1))] * masked
        for _ in range(2):
            x = layers.Conv1D(FILTERS, 5, padding="same", activation="relu")(x)
            x = layers.Multiply()([x, inputs[1]]) if masked else x
        x = layers.GlobalMaxPooling1D()(x)
    else:
        x = layers.Dense(WIDTH)(x)
        y = layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(x, x)
        x = layers.LayerNormalization(epsilon=1e-5)(layers.Add()([x, y]))
        y = layers.Dense(WIDTH)(layers.Dense(4 * WIDTH, "relu")(x))
        x = layers.LayerNormalization(epsilon=1e-5)(layers.Add()([x, y]))
        x = layers.GlobalAveragePooling1D()(x)
    made = k.Model(inputs if len(inputs) > 1 else inputs[0], layers.Dense(CLASSES)(x))
    made.set_weights(list(weights(key).values()))
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.compile(k.optimizers.Adam(1e-3, epsilon=1e-8), loss)
    return made


def padded_inputs(key: str, rows: list[np.ndarray], multiple: int = 1) -> Any:
    """Padded sequences as the masked net takes them."""
    padded, steps = pad(rows, multiple)
    if RAGGED[key].net == "conv":
        return padded, steps[..., np.newaxis].astype(np.float32)
    return padded
