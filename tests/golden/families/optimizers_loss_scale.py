"""LossScaleOptimizer around others, recorded as in `optimizers`, with gradients of which some
overflow."""

from unittest import mock

import numpy as np
from keras.src import ops

from families.optimizers import SHAPES, STEPS, add_trajectory
from layer_case import normal

INNER = {
    "sgd": ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    "adam": ("Adam", {"learning_rate": 0.05, "weight_decay": 0.02, "clipnorm": 0.8}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.05, "use_ema": True, "ema_momentum": 0.9}),
}
SCALES = {
    "plain": {},
    "grows": {"initial_scale": 4.0, "dynamic_growth_steps": 3},
    "every_step": {"initial_scale": 0.5, "dynamic_growth_steps": 1},
}


def fill(family):
    """Add the shared gradients and the trajectories."""
    variables = [normal(f"variable {i}", *shape) for i, shape in enumerate(SHAPES)]
    gradients = [8.0 * normal(f"gradient {i}", STEPS, *shape) for i, shape in enumerate(SHAPES)]
    for step, value in [(0, np.inf), (5, -np.inf), (6, np.inf), (13, np.inf)]:
        gradients[step % 2][step].flat[step % 4] = value
    shared = {
        "variables": variables,
        **{f"gradient_{i}": gradient for i, gradient in enumerate(gradients)},
    }
    family.add("gradients", {"steps": STEPS}, shared)
    for inner, (kind, config) in INNER.items():
        for name, scales in SCALES.items():
            whole = {"inner_optimizer": {"class_name": kind, "config": config}, **scales}
            label = f"loss_scale_{inner}_{name}"
            # On jax the branches may not set variables, as these do.
            with mock.patch.object(ops, "cond", lambda yes, do, other: do() if yes else other()):
                add_trajectory(family, label, "LossScaleOptimizer", whole, variables, gradients)
