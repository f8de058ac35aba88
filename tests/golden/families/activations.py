"""The thirty activation functions: ordinary values with derivatives, far-out values, and their
parameters.

A case's `function` is the name in `keras.activations`, `arguments` its keyword arguments. Cases
whose name ends in `_extreme` have no derivative: there it is a matter of taste at kinks and of
overflow far out.
"""

import jax
import jax.numpy as jnp
import keras
import numpy as np

from layer_case import normal
from store import seeded

PLAIN = [
    "celu",
    "elu",
    "exponential",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
]
VARIANTS = {
    "celu": [{"alpha": 0.5}, {"alpha": 2.0}],
    "elu": [{"alpha": 0.5}, {"alpha": 2.0}],
    "gelu": [{"approximate": True}],
    "glu": [{"axis": 0}, {"axis": 1}],
    "hard_shrink": [{"threshold": 1.0}],
    "leaky_relu": [{"negative_slope": 0.01}],
    "log_softmax": [{"axis": 1}, {"axis": 0}],
    "relu": [
        {"negative_slope": 0.1},
        {"max_value": 1.0},
        {"threshold": 0.5},
        {"negative_slope": 0.2, "max_value": 1.5, "threshold": 0.3},
        {"negative_slope": 0.2, "threshold": -0.4},
    ],
    "soft_shrink": [{"threshold": 1.0}],
    "softmax": [{"axis": 1}, {"axis": 0}],
    "sparsemax": [{"axis": 1}],
    "squareplus": [{"b": 1}],
    "threshold": [{"threshold": 0.2, "default_value": -1.5}],
}
FAR = [0.0, 1e-8, 1e-3, 0.5, 1.0, 2.5, 3.0, 5.0, 6.0, 8.0, 20.0, 50.0, 100.0, 700.0, 1e4]


def fill(family):
    """Add every function, plain and with parameters, and at extreme values."""
    cases = [(name, {}) for name in PLAIN] + [
        (name, extra) for name, many in VARIANTS.items() for extra in many
    ]
    far = np.array(FAR + [-value for value in FAR])[None, :]
    for name, arguments in cases:
        label = "_".join([name, *(f"{key}_{value}" for key, value in arguments.items())])
        x = 2.0 * normal("activation", 2, 2, 4)
        _add(family, label, name, arguments, x, gradient=True)
        if not arguments:
            _add(family, f"{label}_extreme", name, arguments, far, gradient=False)


def _add(family, label, name, arguments, x, gradient):
    function = getattr(keras.activations, name)
    y = function(jnp.asarray(x), **arguments)
    tensors = {"inputs": [x], "outputs": [y]}
    if gradient:
        cotangent = seeded(family.name, label).standard_normal(y.shape)
        tensors["cotangents"] = [cotangent]
        tensors["grad_inputs"] = [
            jax.grad(lambda x: jnp.sum(function(x, **arguments) * cotangent))(jnp.asarray(x))
        ]
    family.add(label, {"function": name, "arguments": arguments}, tensors)
