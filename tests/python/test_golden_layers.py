"""Layers that are made of others, called as users call them, against what real Keras computes, or
PyTorch, where Keras has no such layer."""

from __future__ import annotations

import numpy as np
import pytest

import lamina
from golden import load
from lamina import _tree, layers
from lamina.layers.calling import input_tensor
from lamina.layers.lowering import lower

FIELDS = {"inputs", "weights", "outputs", "updated_weights", "cotangents"}


@pytest.fixture(autouse=True)
def double():
    lamina.config.set_floatx("float64")
    lamina.utils.set_random_seed(1)
    yield
    lamina.config.set_floatx("float32")


def made(value):
    """The layer a configuration describes, and those inside it."""
    if isinstance(value, list):
        return [made(item) for item in value]
    if isinstance(value, dict) and "class_name" in value:
        return layer_of(value["class_name"], value["config"])
    return value


def layer_of(kind, config):
    """The layer of a case."""
    if kind == "Sequential":
        return lamina.Sequential(made(config["layers"]))
    return getattr(layers, kind)(**{key: made(value) for key, value in config.items()})


class Called:
    """The layer of a case, called once on symbolic tensors."""

    def __init__(self, case):
        self.layer = layer_of(case.kind, case.config)
        self.arrays, self.floats = [], []

        def symbolic(array):
            self.arrays.append(array.astype("float64"))
            self.floats.append(array.dtype.kind == "f")
            shape = (len(array) if case.config.get("stateful") else None, *array.shape[1:])
            return input_tensor(shape, "float64", f"x{len(self.arrays)}")

        inputs = [symbolic(array) for array in case.inputs]
        self.keywords = [
            key for key in case.arrays if key not in FIELDS and not key.startswith("grad_")
        ]
        given = {key: _tree.map_leaves(symbolic, case.arrays[key]) for key in self.keywords}
        outputs = self.layer(*([inputs] if case.get("as_list") else inputs), **given, **case.call)
        tensors = _tree.flatten([inputs, [given[key] for key in self.keywords]])
        self.lowered = lower(tensors, _tree.flatten(outputs))
        self.layer.set_weights(case.weights)
        self.runner = self.lowered.runner(1)

    def gradients(self, case, training):
        """By the inputs, and by each trainable weight in the order of `layer.weights`."""
        cotangents = [np.array(c) for c in case.cotangents]
        _, inputs, weights = self.runner.gradients(self.arrays, cotangents, training)
        engines = self.lowered.engines
        places = [
            next(i for i, e in enumerate(engines) if e is w._layer._engine)
            for w in self.layer.trainable_weights
        ]
        by_weight = [
            weights[place][weight._index]
            for place, weight in zip(places, self.layer.trainable_weights, strict=True)
        ]
        return inputs, by_weight


def check_calls(case):
    """A layer that goes on where the call before ended; `reset_state()` comes before the third."""
    layer = layer_of(case.kind, case.config)
    layer(case.inputs[0])
    layer.set_weights(case.weights)
    layer.reset_state()
    for i, (x, expected) in enumerate(zip(case.inputs, case.outputs, strict=True)):
        if i == 2:
            layer.reset_state()
        np.testing.assert_allclose(layer(x), expected, rtol=1e-9, atol=1e-9)


FAMILIES = ["layers_sequence_more", "layers_convlstm", "layers_transformer"]
CASES = [case for family in FAMILIES for case in load(family)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_layers(case):
    if case.get("stateful_calls"):
        return check_calls(case)
    called, training = Called(case), bool(case.get("training"))
    close = {"rtol": 1e-9, "atol": case.get("tolerance") or 1e-9}
    found = called.runner.predict(called.arrays, len(called.arrays[0]), training)
    assert len(found) == len(case.outputs)
    for array, expected in zip(found, case.outputs, strict=True):
        np.testing.assert_allclose(array, expected, **close)
    if case.get("cotangents") is None:
        return
    inputs, weights = called.gradients(case, training)
    expected = [*case.get("grad_inputs", [])]
    for key in called.keywords:
        expected += _tree.flatten(case.get(f"grad_{key}", []))
    floats = [given for given, keep in zip(inputs, called.floats, strict=True) if keep]
    for given, wanted in [
        *zip(floats, expected, strict=True),
        *zip(weights, case.grad_weights, strict=True),
    ]:
        given = np.zeros(wanted.shape) if given is None else given
        np.testing.assert_allclose(given, wanted, **close)
