"""A forked child trains and predicts as its parent does, and the parent goes on."""

from __future__ import annotations

import os
import sys
import warnings

import numpy as np
import pytest

import lamina
from lamina import layers
from lamina.models import Sequential

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def in_child(work):
    """Run `work` in a forked child; returns what it wrote."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads exist; that is the point
        child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(reader)
            os.write(writer, work())
            code = 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    os.close(writer)
    data = b""
    while part := os.read(reader, 65536):
        data += part
    os.close(reader)
    _, status = os.waitpid(child, 0)
    assert status == 0
    return data


def test_a_child_computes_the_same_and_the_parent_goes_on():
    lamina.utils.set_random_seed(0)
    model = Sequential([layers.Input((64,)), layers.Dense(512, "relu"), layers.Dense(8)])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).standard_normal((512, 64)).astype("float32")
    y = x[:, :8]
    model.fit(x, y, batch_size=128, verbose=0)
    expected = model.predict(x, verbose=0)

    def predict():
        return model.predict(x, verbose=0)[:100].tobytes()

    def train():
        model.fit(x, y, batch_size=128, epochs=2, verbose=0)
        return model.get_weights()[0][:1].tobytes()

    assert in_child(predict) == expected[:100].tobytes()
    in_twin = in_child(train)
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    assert train() == in_twin


def test_children_of_children_work_too():
    layer = layers.Dense(4)
    x = np.ones((2, 3), np.float32)
    expected = layer(x).tobytes()
    assert in_child(lambda: in_child(lambda: layer(x).tobytes())) == expected
