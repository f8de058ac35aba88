"""Several optimizers for parts of the weights, as Keras's MultiOptimizer lets them work.

Recorded as in `optimizers`, without slots. The variables are called "0", "1" and "2"; a case has
`default` and `map`, kinds and configs by key, and perhaps a `loss_scale_factor`.
"""

import keras
import numpy as np

from families.optimizers import STEPS
from layer_case import normal

SHAPES = [(3, 2), (2, 5), (4,)]
DECAY = {
    "class_name": "ExponentialDecay",
    "config": {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5},
}
CASES = {
    "two": {"default": ("SGD", {"learning_rate": 0.1}), "map": {"1": ("Adam", {})}},
    "pattern": {
        "default": ("Adam", {"learning_rate": 0.05, "global_clipnorm": 0.7}),
        "map": {"[02]": ("RMSprop", {"learning_rate": 0.02, "clipnorm": 0.5})},
    },
    "exact_before_pattern": {
        "default": ("Lion", {"learning_rate": 0.01}),
        "map": {
            "[12]": ("AdamW", {"learning_rate": 0.05}),
            "1": ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
        },
    },
    "schedule_average_accumulation": {
        "default": ("SGD", {"learning_rate": DECAY}),
        "map": {
            "0": ("Adam", {"learning_rate": 0.05, "use_ema": True, "ema_momentum": 0.9}),
            "2": ("Nadam", {"learning_rate": 0.05, "gradient_accumulation_steps": 3}),
        },
    },
    "loss_scale": {
        "default": ("SGD", {"learning_rate": 0.1, "loss_scale_factor": 2.0}),
        "map": {"1": ("Adagrad", {"learning_rate": 0.1})},
        "loss_scale_factor": 4.0,
    },
    "unused": {"default": ("Adam", {}), "map": {"[012]": ("SGD", {"learning_rate": 0.1})}},
}


def fill(family):
    """Add the shared gradients and the trajectories."""
    variables = [normal(f"variable {i}", *shape) for i, shape in enumerate(SHAPES)]
    gradients = [normal(f"gradient {i}", STEPS, *shape) for i, shape in enumerate(SHAPES)]
    shared = {f"gradient_{i}": gradient for i, gradient in enumerate(gradients)}
    family.add("gradients", {"steps": STEPS}, {"variables": variables, **shared})
    for name, case in CASES.items():
        add_trajectory(family, name, case, variables, gradients)


def add_trajectory(family, name, case, variables, gradients):
    """Add the path of the variables."""
    inside = {key: made(*described) for key, described in case["map"].items()}
    chosen = keras.optimizers.OptimizerMap(made(*case["default"]), inside)
    optimizer = keras.optimizers.MultiOptimizer(chosen, case.get("loss_scale_factor"))
    moving = [keras.Variable(value, name=str(i)) for i, value in enumerate(variables)]
    optimizer.build(moving)
    paths = [[] for _ in moving]
    for step in range(STEPS):
        optimizer.apply([gradient[step] for gradient in gradients], moving)
        for path, variable in zip(paths, moving, strict=True):
            path.append(np.array(variable.value))
    tensors = {f"path_{i}": np.stack(path) for i, path in enumerate(paths)}
    optimizer.finalize_variable_values(moving)
    family.add(name, case, tensors | {"finalized": [v.value for v in moving]})


def made(kind, config):
    """The optimizer, and a schedule within its configuration."""
    rate = config.get("learning_rate")
    if isinstance(rate, dict):
        schedule = getattr(keras.optimizers.schedules, rate["class_name"])(**rate["config"])
        config = {**config, "learning_rate": schedule}
    return getattr(keras.optimizers, kind)(**config)
