"""The activation functions, as functions on arrays and as names for layers.

A layer takes one as a name, `Dense(64, activation="relu")`, or as the function itself,
`Dense(64, activation=lamina.activations.relu)`; both mean its default parameters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lamina import _core, config
from lamina._arrays import Array, as_array
from lamina.errors import ConfigError, ShapeError

Function = Callable[..., Array]


def _apply(name: str, x: Any, **parameters: Any) -> Array:
    dtype = "float64" if getattr(x, "dtype", None) == np.float64 else config.floatx()
    described = json.dumps({"name": name, **parameters})
    if np.ndim(x) == 0:
        return _core.activation(described, as_array([x], name, dtype)).reshape(())
    return _core.activation(described, as_array(x, name, dtype))


def _along(name: str, x: Any, axis: int) -> Array:
    """The engine works along the last axis; others are moved there and back."""
    if np.ndim(x) < 1 or not -np.ndim(x) <= axis < np.ndim(x):
        raise ShapeError(f"{name}: expected an array with an axis {axis}, got {np.ndim(x)} axes")
    return np.moveaxis(_apply(name, np.moveaxis(np.asarray(x), axis, -1)), -1, axis)


def celu(x: Any, alpha: float = 1.0) -> Array:
    """Continuously differentiable ELU: `max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)`.

    Example:
        >>> celu(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [-0.63, 0.5, 2.0]
    """
    return _apply("celu", x, alpha=alpha)


def elu(x: Any, alpha: float = 1.0) -> Array:
    """Exponential linear unit: `x` above 0, else `alpha * (exp(x) - 1)`.

    Example:
        >>> elu(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [-0.63, 0.5, 2.0]
    """
    return _apply("elu", x, alpha=alpha)


def exponential(x: Any) -> Array:
    """`exp(x)`.

    Example:
        >>> exponential(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [0.37, 1.65, 7.39]
    """
    return _apply("exponential", x)


def gelu(x: Any, approximate: bool = False) -> Array:
    """Gaussian error linear unit: `x * P(X <= x)` for a standard normal X.

    `approximate` takes a tanh in place of the error function.

    Example:
        >>> gelu(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [-0.16, 0.35, 1.95]
    """
    return _apply("gelu", x, approximate=approximate)


def glu(x: Any, axis: int = -1) -> Array:
    """Gated linear unit: the first half along the axis times the sigmoid of the second.

    Example:
        >>> glu(np.array([-1.0, 2.0, 0.0, 1.0])).round(2).tolist()
        [-0.5, 1.46]
    """
    return _along("glu", x, axis)


def hard_shrink(x: Any, threshold: float = 0.5) -> Array:
    """`x` where its size exceeds the threshold, else 0.

    Example:
        >>> hard_shrink(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [-1.0, 0.0, 2.0]
    """
    return _apply("hard_shrink", x, threshold=threshold)


def hard_sigmoid(x: Any) -> Array:
    """`x / 6 + 0.5`, cut to [0, 1].

    Example:
        >>> hard_sigmoid(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [0.33, 0.58, 0.83]
    """
    return _apply("hard_sigmoid", x)


def hard_silu(x: Any) -> Array:
    """`x * hard_sigmoid(x)`.

    Example:
        >>> hard_silu(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [-0.33, 0.29, 1.67]
    """
    return _apply("hard_silu", x)


def hard_tanh(x: Any) -> Array:
    """`x`, cut to [-1, 1].

    Example:
        >>> hard_tanh(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [-1.0, 0.5, 1.0]
    """
    return _apply("hard_tanh", x)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Array:
    """`x` above 0, else `negative_slope * x`.

    Example:
        >>> leaky_relu(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [-0.2, 0.5, 2.0]
    """
    return _apply("leaky_relu", x, negative_slope=negative_slope)


def linear(x: Any) -> Array:
    """`x` itself.

    Example:
        >>> linear(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [-1.0, 0.5, 2.0]
    """
    return _apply("linear", x)


def log_sigmoid(x: Any) -> Array:
    """`log(1 / (1 + exp(-x)))`, without overflow.

    Example:
        >>> log_sigmoid(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [-1.31, -0.47, -0.13]
    """
    return _apply("log_sigmoid", x)


def log_softmax(x: Any, axis: int = -1) -> Array:
    """The logarithm of the softmax along the axis, without overflow.

    Example:
        >>> log_softmax(np.array([[0.0, 1.0, 1.5]])).round(2).tolist()
        [[-2.1, -1.1, -0.6]]
    """
    return _along("log_softmax", x, axis)


def mish(x: Any) -> Array:
    """`x * tanh(softplus(x))`.

    Example:
        >>> mish(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [-0.3, 0.38, 1.94]
    """
    return _apply("mish", x)


def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Array:
    """`x` above the threshold (at most `max_value`), else `negative_slope * (x - threshold)`.

    Example:
        >>> relu(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [0.0, 0.5, 2.0]
    """
    return _apply(
        "relu", x, negative_slope=negative_slope, max_value=max_value, threshold=threshold
    )


def relu6(x: Any) -> Array:
    """`x`, cut to [0, 6].

    Example:
        >>> relu6(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [0.0, 0.5, 2.0]
    """
    return _apply("relu6", x)


def selu(x: Any) -> Array:
    """Scaled ELU, which keeps mean 0 and variance 1 from layer to layer.

    Example:
        >>> selu(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [-1.11, 0.53, 2.1]
    """
    return _apply("selu", x)


def sigmoid(x: Any) -> Array:
    """`1 / (1 + exp(-x))`.

    Example:
        >>> sigmoid(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [0.27, 0.62, 0.88]
    """
    return _apply("sigmoid", x)


def silu(x: Any) -> Array:
    """`x * sigmoid(x)`.

    Example:
        >>> silu(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [-0.27, 0.31, 1.76]
    """
    return _apply("silu", x)


def soft_shrink(x: Any, threshold: float = 0.5) -> Array:
    """`x` moved towards 0 by the threshold, and 0 within it.

    Example:
        >>> soft_shrink(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [-0.5, 0.0, 1.5]
    """
    return _apply("soft_shrink", x, threshold=threshold)


def softmax(x: Any, axis: int = -1) -> Array:
    """`exp(x) / sum(exp(x))` along the axis.

    Example:
        >>> softmax(np.array([[0.0, 1.0, 1.5]])).round(2).tolist()
        [[0.12, 0.33, 0.55]]
    """
    return _along("softmax", x, axis)


def softplus(x: Any) -> Array:
    """`log(1 + exp(x))`.

    Example:
        >>> softplus(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [0.31, 0.97, 2.13]
    """
    return _apply("softplus", x)


def softsign(x: Any) -> Array:
    """`x / (1 + |x|)`.

    Example:
        >>> softsign(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [-0.5, 0.33, 0.67]
    """
    return _apply("softsign", x)


def sparse_plus(x: Any) -> Array:
    """0 below -1, `x` above 1, and `(x + 1)^2 / 4` between.

    Example:
        >>> sparse_plus(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [0.0, 0.56, 2.0]
    """
    return _apply("sparse_plus", x)


def sparse_sigmoid(x: Any) -> Array:
    """`(x + 1) / 2`, cut to [0, 1].

    Example:
        >>> sparse_sigmoid(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [0.0, 0.75, 1.0]
    """
    return _apply("sparse_sigmoid", x)


def sparsemax(x: Any, axis: int = -1) -> Array:
    """The nearest point of the probability simplex along the axis (Martins and Astudillo, 2016).

    Example:
        >>> sparsemax(np.array([[0.0, 1.0, 1.5]])).round(2).tolist()
        [[0.0, 0.25, 0.75]]
    """
    return _along("sparsemax", x, axis)


def squareplus(x: Any, b: float = 4) -> Array:
    """`(x + sqrt(x^2 + b)) / 2`.

    Example:
        >>> squareplus(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [0.62, 1.28, 2.41]
    """
    return _apply("squareplus", x, b=b)


def tanh(x: Any) -> Array:
    """The hyperbolic tangent.

    Example:
        >>> tanh(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [-0.76, 0.46, 0.96]
    """
    return _apply("tanh", x)


def tanh_shrink(x: Any) -> Array:
    """`x - tanh(x)`.

    Example:
        >>> tanh_shrink(np.array([-1.0, 0.5, 2.0])).round(2).tolist()
        [-0.24, 0.04, 1.04]
    """
    return _apply("tanh_shrink", x)


def threshold(x: Any, threshold: float, default_value: float) -> Array:
    """`x` above the threshold, else `default_value`.

    Example:
        >>> threshold(np.array([-1.0, 0.0, 2.0]), 0.5, 9.0).round(2).tolist()
        [9.0, 9.0, 2.0]
    """
    return _apply("threshold", x, threshold=threshold, default_value=default_value)


swish = silu
hard_swish = hard_silu

_FUNCTIONS: dict[str, Function] = {
    function.__name__: function
    for function in (
        celu, elu, exponential, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_tanh,
        leaky_relu, linear, log_sigmoid, log_softmax, mish, relu, relu6, selu, sigmoid, silu,
        soft_shrink, softmax, softplus, softsign, sparse_plus, sparse_sigmoid, sparsemax,
        squareplus, tanh, tanh_shrink, threshold,
    )
}  # fmt: skip
_FUNCTIONS |= {"swish": silu, "hard_swish": hard_silu}


def get(identifier: Any) -> Function:
    """The function of that name; functions come back as they are, None gives `linear`.

    Raises:
        ConfigError: no activation of that name.

    Example:
        >>> get("relu") is relu
        True
    """
    if identifier is None:
        return linear
    if callable(identifier):
        found: Function = identifier
        return found
    if isinstance(identifier, Mapping):
        identifier = identifier.get("class_name")
    if identifier in _FUNCTIONS:
        return _FUNCTIONS[identifier]
    raise ConfigError(
        f"expected the name of an activation, got {identifier!r}. "
        f"Known are {', '.join(sorted(_FUNCTIONS))}"
    )


def serialize(activation: Function) -> str:
    """The name of an activation function, as configs hold it.

    Example:
        >>> serialize(relu)
        'relu'
    """
    name = activation.__name__
    if _FUNCTIONS.get(name) is not activation:
        raise ConfigError(f"expected one of lamina's activations, got {activation!r}")
    return name


def deserialize(config: Any) -> Function:
    """The function that `serialize` named.

    Example:
        >>> deserialize("relu") is relu
        True
    """
    return get(config)
