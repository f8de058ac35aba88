"""Further optimizers and schedules, recorded as in `optimizers`.

The shared case `gradients` has three variables: two matrices, wide and tall, and a vector.
"""

from families.optimizers import COMMON, STEPS, add_schedule, add_trajectory
from layer_case import normal

SHAPES = [(3, 2), (2, 5), (4,)]
RATE = {"learning_rate": 0.05}
BETAS = {**RATE, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3}
OWN = {
    "Adadelta": {
        "plain": {"learning_rate": 0.5},
        "options": {"learning_rate": 1.0, "rho": 0.8, "epsilon": 1e-3},
    },
    "Adagrad": {
        "plain": RATE,
        "options": {**RATE, "initial_accumulator_value": 0.0, "epsilon": 1e-4},
    },
    "Adamax": {"plain": RATE, "betas": BETAS},
    "Nadam": {"plain": RATE, "betas": BETAS},
    "Ftrl": {
        "plain": RATE,
        "strengths": {
            **RATE,
            "l1_regularization_strength": 0.05,
            "l2_regularization_strength": 0.1,
            "l2_shrinkage_regularization_strength": 0.02,
            "beta": 0.3,
            "initial_accumulator_value": 0.2,
        },
        "power": {**RATE, "learning_rate_power": -0.3},
    },
    "Lion": {"plain": {"learning_rate": 0.01}, "betas": {**RATE, "beta_1": 0.6, "beta_2": 0.8}},
    "Lamb": {"plain": RATE, "betas": BETAS},
    "Adafactor": {
        "plain": RATE,
        "options": {
            "learning_rate": 2.0,
            "beta_2_decay": -0.6,
            "epsilon_1": 1e-6,
            "epsilon_2": 0.2,
            "clip_threshold": 0.7,
            "relative_step": False,
        },
    },
    "ScheduleFreeAdamW": {
        "plain": RATE,
        "warmup": {**RATE, "warmup_steps": 6, "beta_1": 0.8, "beta_2": 0.9, "epsilon": 1e-4},
    },
    "Muon": {
        "plain": RATE,
        "no_decay": {**RATE, "weight_decay": None, "adam_weight_decay": None},
        "options": {
            **RATE,
            "adam_beta_1": 0.8,
            "adam_beta_2": 0.95,
            "adam_weight_decay": 0.05,
            "adam_lr_ratio": 0.5,
            "momentum": 0.8,
            "ns_steps": 4,
            "nesterov": False,
            "rms_rate": None,
            "muon_a": 3.0,
            "muon_b": -4.0,
            "muon_c": 1.5,
            "epsilon": 1e-4,
        },
    },
}
SCHEDULES = {
    "polynomial": ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 12}),
    "polynomial_cycle": (
        "PolynomialDecay",
        {
            "initial_learning_rate": 0.1,
            "decay_steps": 7,
            "end_learning_rate": 0.01,
            "power": 2.0,
            "cycle": True,
        },
    ),
    "inverse_time": (
        "InverseTimeDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 5, "decay_rate": 0.5},
    ),
    "inverse_time_staircase": (
        "InverseTimeDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 5, "decay_rate": 0.5, "staircase": True},
    ),
    "restarts": ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 3.5}),
    "restarts_same_length": (
        "CosineDecayRestarts",
        {
            "initial_learning_rate": 0.1,
            "first_decay_steps": 6.5,
            "t_mul": 1.0,
            "m_mul": 0.8,
            "alpha": 0.1,
        },
    ),
}


def fill(family):
    """Add the shared gradients, the trajectories and the schedules."""
    variables = [normal(f"variable {i}", *shape) for i, shape in enumerate(SHAPES)]
    gradients = [normal(f"gradient {i}", STEPS, *shape) for i, shape in enumerate(SHAPES)]
    gradients[2][5:8] = 0.0
    gradients[0][:, 0, 0] *= 1e-4
    shared = {
        "variables": variables,
        **{f"gradient_{i}": gradient for i, gradient in enumerate(gradients)},
    }
    family.add("gradients", {"steps": STEPS}, shared)
    for kind, variants in OWN.items():
        for name, config in variants.items():
            add_trajectory(family, f"{kind.lower()}_{name}", kind, config, variables, gradients)
        for name in ("weight_decay", "global_clipnorm", "accumulation_ema"):
            config = COMMON[name]
            label, both = f"{kind.lower()}_{name}", {**variants["plain"], **config}
            add_trajectory(family, label, kind, both, variables, gradients)
    for name, (schedule, config) in SCHEDULES.items():
        rate = {"class_name": schedule, "config": config}
        for kind in ("SGD", "Adafactor"):
            label = f"{kind.lower()}_{name}"
            add_trajectory(family, label, kind, {"learning_rate": rate}, variables, gradients)
        add_schedule(family, name, schedule, config)
