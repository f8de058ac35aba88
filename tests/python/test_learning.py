"""Networks learn what they should: real digits, and a sum over a hundred steps."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.models import Sequential


@pytest.fixture(autouse=True)
def fresh_session():
    lamina.utils.clear_session()
    lamina.utils.set_random_seed(0)


@pytest.fixture(scope="module")
def digits():
    """1,797 images of 8 x 8; a quarter held out."""
    train, test = lamina.datasets.digits.load_data(seed=0)
    return [(x[..., np.newaxis] / np.float32(16), y) for x, y in (train, test)]


def accuracy(model, digits, epochs):
    train, test = digits
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(*train, epochs=epochs, verbose=0)
    return model.evaluate(*test, verbose=0, return_dict=True)["accuracy"]


def test_a_cnn_reads_digits(digits):
    model = Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )
    assert accuracy(model, digits, epochs=15) >= 0.975


def test_an_mlp_reads_digits(digits):
    model = Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    assert accuracy(model, digits, epochs=60) >= 0.955


def adding_problem(rng, samples, steps=100):
    """Random numbers, two of them marked; the target is the sum of these two.

    Hochreiter and Schmidhuber, Long Short-Term Memory, 1997.
    """
    numbers = rng.random((samples, steps), dtype=np.float32)
    marks = np.zeros_like(numbers)
    rows = np.arange(samples)
    marks[rows, rng.integers(0, steps // 2, samples)] = 1
    marks[rows, rng.integers(steps // 2, steps, samples)] = 1
    return np.stack([numbers, marks], axis=-1), (numbers * marks).sum(axis=1)


def test_an_lstm_adds_numbers_a_hundred_steps_apart():
    rng = np.random.default_rng(0)
    train, test = adding_problem(rng, 10_000), adding_problem(rng, 1000)
    model = Sequential([layers.Input((100, 2)), layers.LSTM(64), layers.Dense(1)])
    model.compile(lamina.optimizers.Adam(5e-3), "mse")
    for _ in range(15):
        model.fit(*train, batch_size=50, verbose=0)
        error = model.evaluate(*test, verbose=0)
        if error <= 0.01:
            return
    pytest.fail(f"the mean squared error is still {error}")
