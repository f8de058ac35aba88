"""Regularizers and constraints: the penalty of a weight, and the weight after projection.

A case has `regularizer` (with `penalty` and `grad`) or `constraint` (with `projected`) as its class
name.
"""

import jax
import jax.numpy as jnp
import keras
import numpy as np

from layer_case import normal

REGULARIZERS = [
    ("L1", {}),
    ("L1", {"l1": 0.3}),
    ("L2", {}),
    ("L2", {"l2": 0.3}),
    ("L1L2", {}),
    ("L1L2", {"l1": 0.1, "l2": 0.2}),
    ("OrthogonalRegularizer", {"factor": 0.1}),
    ("OrthogonalRegularizer", {"factor": 0.1, "mode": "columns"}),
]
CONSTRAINTS = [
    ("MaxNorm", {}),
    ("MaxNorm", {"max_value": 0.7}),
    ("MaxNorm", {"max_value": 0.7, "axis": 1}),
    ("MaxNorm", {"max_value": 0.7, "axis": [0, 1]}),
    ("NonNeg", {}),
    ("UnitNorm", {}),
    ("UnitNorm", {"axis": 1}),
    ("MinMaxNorm", {}),
    ("MinMaxNorm", {"min_value": 0.8, "max_value": 1.2, "rate": 0.5}),
    ("MinMaxNorm", {"min_value": 0.8, "max_value": 1.2, "axis": 1}),
]


def fill(family):
    """Add all regularizer and constraint cases."""
    weight = normal("weight", 4, 3)
    weight[1] = 0.0
    kernel = normal("kernel", 3, 2, 2, 3)
    for kind, config in REGULARIZERS:
        regularizer = getattr(keras.regularizers, kind)(**config)
        for label, w in [("matrix", weight + (weight == 0) * 0.3), ("kernel", kernel)]:
            if kind == "OrthogonalRegularizer" and label == "kernel":
                continue
            w = jnp.asarray(w)
            penalty, grad = regularizer(w), jax.grad(regularizer)(w)
            tensors = {"weight": w, "penalty": penalty, "grad": grad}
            family.add(_name(kind, config, label), {"regularizer": kind, "config": config}, tensors)
    for kind, config in CONSTRAINTS:
        constraint = getattr(keras.constraints, kind)(**config)
        cases = [("matrix", weight), ("vector", weight[0])]
        if kind != "NonNeg" and config.get("axis", 0) == 0:
            cases.append(("conv_kernel", kernel))
        for label, w in cases:
            if label == "vector" and config.get("axis", 0) != 0:
                continue
            case_config = {**config, "axis": [0, 1, 2]} if label == "conv_kernel" else config
            if label == "conv_kernel":
                constraint = getattr(keras.constraints, kind)(**case_config)
            tensors = {"weight": w, "projected": np.asarray(constraint(jnp.asarray(w)))}
            family.add(
                _name(kind, config, label), {"constraint": kind, "config": case_config}, tensors
            )


def _name(kind, config, label):
    values = "_".join(f"{key}_{value}" for key, value in config.items())
    for sign in "[],":
        values = values.replace(sign, "")
    return "_".join(filter(None, [kind.lower(), values.replace(" ", "_"), label]))
