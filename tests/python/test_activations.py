"""The activation functions on arrays."""

from __future__ import annotations

import numpy as np
import pytest

from lamina import activations, layers
from lamina.errors import ConfigError, ShapeError

X = np.linspace(-3, 3, 24).reshape(2, 3, 4)


@pytest.mark.parametrize("name", sorted(activations._FUNCTIONS))
def test_function_and_layer_agree_in_both_types(name):
    function = activations.get(name)
    parameters = {"threshold": 0.5, "default_value": 0.0} if name == "threshold" else {}
    expected = function(X, **parameters)
    assert expected.dtype == np.float64
    np.testing.assert_allclose(function(X.astype("float32"), **parameters), expected, atol=1e-5)
    if name != "threshold":
        layer = layers.Activation(function, dtype="float64")
        np.testing.assert_array_equal(layer(X), expected)
        assert activations.deserialize(activations.serialize(function)) is function


def test_known_numbers():
    np.testing.assert_allclose(activations.relu([-1.0, 2.0]), [0, 2])
    np.testing.assert_allclose(activations.leaky_relu([-1.0, 2.0]), [-0.2, 2], rtol=1e-6)
    np.testing.assert_allclose(activations.relu([-2.0, 9.0], max_value=6), [0, 6])
    np.testing.assert_allclose(activations.sigmoid(0.0), 0.5)
    np.testing.assert_allclose(activations.softmax([[0.0, 0.0]]), [[0.5, 0.5]])


@pytest.mark.parametrize("axis", [0, 1, 2, -1, -3])
def test_softmax_sums_to_one_along_its_axis(axis):
    np.testing.assert_allclose(activations.softmax(X, axis=axis).sum(axis), 1)


def test_glu_halves_its_axis():
    assert activations.glu(X).shape == (2, 3, 2)
    assert activations.glu(X, axis=0).shape == (1, 3, 4)
    with pytest.raises(ShapeError, match="even number in the last axis"):
        activations.glu(X, axis=1)


def test_unknown_names_and_axes_are_errors():
    with pytest.raises(ConfigError, match="expected the name of an activation, got 'rellu'"):
        activations.get("rellu")
    with pytest.raises(ShapeError, match="expected an array with an axis 5, got 3 axes"):
        activations.softmax(X, axis=5)
