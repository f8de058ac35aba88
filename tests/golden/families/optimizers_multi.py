"""Several optimizers for parts of the weights, as Keras's MultiOptimizer lets them work.

Recorded as in `optimizers`, without slots. The variables are called "0", "1" and "2"; a case has
`default` and `map`, kinds and configs by key, and perhaps a `loss_scale_factor`.

The cases with `full_batch` are PyTorch's: a network of two layers with its `weights` before, the
`losses` at the begin of each step, and the weights `trained`.
"""

import keras
import numpy as np
import torch

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
FULL_BATCH = {
    "lbfgs_wolfe": ("LBFGS", {"max_iter": 4, "max_eval": 100, "history_size": 3}, 6),
    "lbfgs_one_iteration": ("LBFGS", {"max_iter": 1, "max_eval": 26, "history_size": 5}, 15),
    "lbfgs_fixed_step": (
        "LBFGS",
        {"learning_rate": 0.3, "max_iter": 5, "line_search": None, "history_size": 4},
        5,
    ),
    "irprop_minus": ("IRprop", {"weight_backtracking": False}, 40),
    "irprop_minus_options": (
        "IRprop",
        {
            "learning_rate": 0.05,
            "etas": [0.4, 1.3],
            "step_sizes": [1e-4, 0.1],
            "weight_backtracking": False,
        },
        40,
    ),
}


def fill(family):
    """Add the shared gradients and the trajectories."""
    variables = [normal(f"variable {i}", *shape) for i, shape in enumerate(SHAPES)]
    gradients = [normal(f"gradient {i}", STEPS, *shape) for i, shape in enumerate(SHAPES)]
    shared = {f"gradient_{i}": gradient for i, gradient in enumerate(gradients)}
    family.add("gradients", {"steps": STEPS}, {"variables": variables, **shared})
    for name, case in CASES.items():
        add_trajectory(family, name, case, variables, gradients)
    for name, (kind, config, steps) in FULL_BATCH.items():
        add_full_batch(family, name, kind, config, steps)


def add_full_batch(family, name, kind, config, steps):
    """Add what PyTorch's optimizer does with a network."""
    x, weights = normal("x", 50, 3), [normal("kernel", 3, 4), np.zeros(4), normal("out", 4, 1)]
    weights.append(np.zeros(1))
    y = np.tanh(x[:, :1] - x[:, 1:2]) + 0.1 * normal("noise", 50, 1)
    moving = [torch.tensor(weight, requires_grad=True) for weight in weights]
    optimizer = of_torch(kind, dict(config), moving)

    def loss():
        optimizer.zero_grad()
        hidden = torch.tanh(torch.tensor(x) @ moving[0] + moving[1])
        value = ((hidden @ moving[2] + moving[3] - torch.tensor(y)) ** 2).mean()
        value.backward()
        return value

    losses = np.array([optimizer.step(loss).item() for _ in range(steps)])
    arrays = {"x": x, "y": y, "weights": weights, "losses": losses}
    trained = [weight.detach().numpy() for weight in moving]
    family.add(name, {"full_batch": kind, "config": config}, arrays | {"trained": trained})


def of_torch(kind, config, moving):
    """PyTorch's optimizer for our config."""
    rate = config.pop("learning_rate", None)
    if kind == "IRprop":
        config.pop("weight_backtracking")
        return torch.optim.Rprop(moving, 0.01 if rate is None else rate, **config)
    search = config.pop("line_search", "strong_wolfe")
    return torch.optim.LBFGS(moving, rate or 1, line_search_fn=search, **config)


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
