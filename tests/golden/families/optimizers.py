"""Optimizers: twenty steps of two variables under given gradients, all options; and the values of
the schedules.

The first case, `gradients`, holds what all trajectories share: the starting values (`variables`)
and the gradients of each step (`gradient_0` and `gradient_1`, first axis the step). A trajectory's
`path_0` and `path_1` hold the variables after each step, its `config` may hold a schedule as
`{"class_name", "config"}` in `learning_rate`. `slots` are the optimizer's own variables at the end,
with their names in `slot_names`.
"""

import keras
import numpy as np

from layer_case import normal

STEPS = 20
SHAPES = [(3, 2), (4,)]
ADAM = {"learning_rate": 0.05}
COMMON = {
    "weight_decay": {"weight_decay": 0.02},
    "clipnorm": {"clipnorm": 0.8},
    "clipvalue": {"clipvalue": 0.4},
    "global_clipnorm": {"global_clipnorm": 1.1},
    "ema": {"use_ema": True, "ema_momentum": 0.9},
    "ema_overwrite": {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    "accumulation": {"gradient_accumulation_steps": 3},
    "accumulation_clip_decay": {
        "gradient_accumulation_steps": 2,
        "clipnorm": 0.5,
        "weight_decay": 0.01,
    },
    "accumulation_ema": {
        "gradient_accumulation_steps": 3,
        "use_ema": True,
        "ema_momentum": 0.9,
        "ema_overwrite_frequency": 2,
    },
}
SCHEDULES = {
    "exponential": (
        "ExponentialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5},
    ),
    "exponential_staircase": (
        "ExponentialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 7, "decay_rate": 0.5, "staircase": True},
    ),
    "cosine": ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 15, "alpha": 0.1}),
    "cosine_warmup": (
        "CosineDecay",
        {
            "initial_learning_rate": 0.01,
            "decay_steps": 10,
            "alpha": 0.0,
            "warmup_target": 0.1,
            "warmup_steps": 5,
        },
    ),
    "cosine_warmup_only_steps": (
        "CosineDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 10, "warmup_steps": 5},
    ),
    "piecewise": ("PiecewiseConstantDecay", {"boundaries": [4, 11], "values": [0.1, 0.05, 0.01]}),
}
OWN = {
    "SGD": {
        "plain": {},
        "momentum": {"momentum": 0.9},
        "nesterov": {"momentum": 0.9, "nesterov": True},
        "momentum_decay": {"momentum": 0.8, "weight_decay": 0.02},
    },
    "Adam": {
        "plain": ADAM,
        "default": {},
        "betas": {**ADAM, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3},
        "amsgrad": {**ADAM, "amsgrad": True, "beta_2": 0.8},
        "amsgrad_decay": {**ADAM, "amsgrad": True, "beta_2": 0.8, "weight_decay": 0.02},
    },
    "AdamW": {
        "plain": ADAM,
        "decay": {**ADAM, "weight_decay": 0.1},
        "amsgrad": {**ADAM, "amsgrad": True},
    },
    "RMSprop": {
        "plain": {"learning_rate": 0.02},
        "momentum": {"learning_rate": 0.02, "momentum": 0.9},
        "centered": {"learning_rate": 0.02, "centered": True},
        "centered_momentum": {
            "learning_rate": 0.02,
            "centered": True,
            "momentum": 0.5,
            "rho": 0.7,
            "epsilon": 1e-4,
        },
    },
}


def fill(family):
    """Add the shared gradients, the trajectories and the schedules."""
    variables = [normal(f"variable {i}", *shape) for i, shape in enumerate(SHAPES)]
    gradients = [normal(f"gradient {i}", STEPS, *shape) for i, shape in enumerate(SHAPES)]
    gradients[1][5:8] = 0.0
    gradients[0][:, 0, 0] *= 1e-4
    shared = {
        "variables": variables,
        **{f"gradient_{i}": gradient for i, gradient in enumerate(gradients)},
    }
    family.add("gradients", {"steps": STEPS}, shared)
    for kind, variants in OWN.items():
        for name, config in variants.items():
            add_trajectory(family, f"{kind.lower()}_{name}", kind, config, variables, gradients)
        plain = variants["plain"] if kind != "SGD" else {"learning_rate": 0.05, "momentum": 0.9}
        for name, config in COMMON.items():
            add_trajectory(
                family, f"{kind.lower()}_{name}", kind, {**plain, **config}, variables, gradients
            )
    for name, (schedule, config) in SCHEDULES.items():
        rate = {"class_name": schedule, "config": config}
        for kind in ["SGD", "Adam"] if name != "cosine_warmup" else list(OWN):
            label = f"{kind.lower()}_{name}"
            add_trajectory(family, label, kind, {"learning_rate": rate}, variables, gradients)
        add_schedule(family, name, schedule, config)
    both = {
        "learning_rate": {
            "class_name": "PiecewiseConstantDecay",
            "config": SCHEDULES["piecewise"][1],
        }
    }
    accumulate = {**both, "gradient_accumulation_steps": 3}
    add_trajectory(family, "adam_piecewise_accumulation", "Adam", accumulate, variables, gradients)


def add_schedule(family, name, kind, config):
    """Add the values of a schedule."""
    schedule = getattr(keras.optimizers.schedules, kind)(**config)
    steps = np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 16, 20, 21, 100], np.int64)
    values = np.array([float(schedule(int(step))) for step in steps])
    family.add(
        f"schedule_{name}", {"schedule": kind, "config": config}, {"steps": steps, "values": values}
    )


def add_trajectory(family, name, kind, config, variables, gradients):
    """Add the path of the variables."""
    arguments = dict(config)
    if isinstance(arguments.get("learning_rate"), dict):
        rate = arguments["learning_rate"]
        arguments["learning_rate"] = getattr(keras.optimizers.schedules, rate["class_name"])(
            **rate["config"]
        )
    if "inner_optimizer" in arguments:
        inner = arguments["inner_optimizer"]
        made = getattr(keras.optimizers, inner["class_name"])(**inner["config"])
        arguments["inner_optimizer"] = made
    optimizer = getattr(keras.optimizers, kind)(**arguments)
    moving = [keras.Variable(value, name=f"v{i}") for i, value in enumerate(variables)]
    optimizer.build(moving)
    paths = [[] for _ in moving]
    for step in range(STEPS):
        optimizer.apply([gradient[step] for gradient in gradients], moving)
        for path, variable in zip(paths, moving, strict=True):
            path.append(np.array(variable.value))
    tensors = {f"path_{i}": np.stack(path) for i, path in enumerate(paths)}
    own = [v for v in optimizer.variables if v.name not in ("iteration", "learning_rate")]
    arrays = [np.asarray(v.value) for v in own]
    wide = {"i": np.int64, "f": np.float64}
    tensors["slots"] = [array.astype(wide[array.dtype.kind]) for array in arrays]
    optimizer.finalize_variable_values(moving)
    if config.get("use_ema"):
        tensors["finalized"] = [v.value for v in moving]
    family.add(name, {"kind": kind, "config": config, "slot_names": [v.name for v in own]}, tensors)
