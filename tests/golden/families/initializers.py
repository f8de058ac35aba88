"""Initializers: no two random streams agree, so this stores what a sample must look like, and the
exact ones in full.

A case holds `shape` and, for the random ones, `distribution` (uniform, normal, truncated_normal,
orthogonal), the `limit` that no value passes (null: none), and the `mean` and `std` of the
distribution itself: from Keras's formula for the fans, checked here against a large sample.
`values` is stored where nothing is random.
"""

import keras
import numpy as np

SHAPES = {
    "dense": [20, 30],
    "conv2d": [3, 3, 8, 16],
    "conv1d": [5, 6, 7],
    "vector": [50],
    "recurrent": [12, 48],
}
SCALED = {
    "GlorotUniform": ("uniform", lambda fan_in, fan_out: 2.0 / (fan_in + fan_out)),
    "GlorotNormal": ("truncated_normal", lambda fan_in, fan_out: 2.0 / (fan_in + fan_out)),
    "HeUniform": ("uniform", lambda fan_in, fan_out: 2.0 / fan_in),
    "HeNormal": ("truncated_normal", lambda fan_in, fan_out: 2.0 / fan_in),
    "LecunUniform": ("uniform", lambda fan_in, fan_out: 1.0 / fan_in),
    "LecunNormal": ("truncated_normal", lambda fan_in, fan_out: 1.0 / fan_in),
}
VARIANCE_SCALING = [
    {"scale": 2.0, "mode": "fan_in", "distribution": "uniform"},
    {"scale": 0.5, "mode": "fan_out", "distribution": "truncated_normal"},
    {"scale": 1.5, "mode": "fan_avg", "distribution": "untruncated_normal"},
]
# Standard deviation of a standard normal cut at two of its own, as Keras corrects for it.
TRUNCATED_STD = 0.87962566103423978


def fill(family):
    """Add all initializer cases."""
    for kind, (distribution, variance) in SCALED.items():
        for label, shape in SHAPES.items():
            _add_scaled(
                family,
                f"{kind.lower()}_{label}",
                kind,
                {},
                shape,
                distribution,
                variance(*_fans(shape)),
            )
    for config in VARIANCE_SCALING:
        for label, shape in SHAPES.items():
            fan_in, fan_out = _fans(shape)
            fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[
                config["mode"]
            ]
            name = f"variancescaling_{config['mode']}_{config['distribution']}_{label}"
            _add_scaled(
                family,
                name,
                "VarianceScaling",
                config,
                shape,
                config["distribution"],
                config["scale"] / fan,
            )
    dense = SHAPES["dense"]
    _add_random(
        family, "randomuniform", "RandomUniform", {}, dense, "uniform", 0.0, 0.05, 0.05 / np.sqrt(3)
    )
    shifted = {"minval": 1.0, "maxval": 3.0}
    _add_random(
        family,
        "randomuniform_range",
        "RandomUniform",
        shifted,
        dense,
        "uniform",
        2.0,
        1.0,
        1.0 / np.sqrt(3),
    )
    _add_random(family, "randomnormal", "RandomNormal", {}, dense, "normal", 0.0, None, 0.05)
    wide = {"mean": 1.0, "stddev": 2.0}
    _add_random(family, "randomnormal_wide", "RandomNormal", wide, dense, "normal", 1.0, None, 2.0)
    _add_random(
        family,
        "truncatednormal",
        "TruncatedNormal",
        {},
        dense,
        "truncated_normal",
        0.0,
        0.1,
        0.05 * TRUNCATED_STD,
    )
    _add_random(
        family,
        "truncatednormal_wide",
        "TruncatedNormal",
        wide,
        dense,
        "truncated_normal",
        1.0,
        4.0,
        2.0 * TRUNCATED_STD,
    )
    for label, shape in [
        ("square", [6, 6]),
        ("wide", [4, 9]),
        ("tall", [9, 4]),
        ("conv", [3, 3, 2, 5]),
    ]:
        for gain in (1.0, 1.5):
            name, config = f"orthogonal_{label}_{gain}", {"gain": gain}
            sample = np.asarray(keras.initializers.Orthogonal(gain=gain, seed=0)(shape)).reshape(
                -1, shape[-1]
            )
            gram = sample @ sample.T if sample.shape[0] < sample.shape[1] else sample.T @ sample
            np.testing.assert_allclose(gram, gain**2 * np.eye(len(gram)), atol=1e-10)
            family.add(
                name,
                {
                    "kind": "Orthogonal",
                    "config": config,
                    "shape": shape,
                    "distribution": "orthogonal",
                },
                {},
            )
    exact = [
        ("Zeros", {}),
        ("Ones", {}),
        ("Constant", {"value": 0.7}),
        ("Identity", {}),
        ("Identity", {"gain": 2.5}),
    ]
    for kind, config in exact:
        for shape in [[3, 3], [2, 4], [4, 2]]:
            name = "_".join([kind.lower(), *map(str, config.values()), *map(str, shape)])
            values = getattr(keras.initializers, kind)(**config)(shape)
            family.add(name, {"kind": kind, "config": config, "shape": shape}, {"values": values})


def _fans(shape):
    """Keras's rule: the last two axes are input and output, all before them is the receptive
    field."""
    if len(shape) == 1:
        return shape[0], shape[0]
    field = int(np.prod(shape[:-2]))
    return shape[-2] * field, shape[-1] * field


def _add_scaled(family, name, kind, config, shape, distribution, variance):
    std = np.sqrt(variance)
    limit = {"uniform": np.sqrt(3.0) * std, "truncated_normal": 2.0 * std / TRUNCATED_STD}.get(
        distribution
    )
    _add_random(family, name, kind, config, shape, distribution, 0.0, limit, std)


def _add_random(family, name, kind, config, shape, distribution, mean, limit, std):
    make = getattr(keras.initializers, kind)
    sample = np.concatenate(
        [np.asarray(make(**config, seed=seed)(shape)).ravel() for seed in range(8)]
    )
    assert limit is None or np.abs(sample - mean).max() <= limit * (1 + 1e-6), name
    assert limit is None or np.abs(sample - mean).max() >= limit * 0.9, name
    error = 5.0 / np.sqrt(sample.size)
    assert abs(sample.mean() - mean) <= error * std, name
    assert abs(sample.std() / std - 1.0) <= error, name
    fields = {"kind": kind, "config": config, "shape": shape, "distribution": distribution}
    family.add(
        name,
        {
            **fields,
            "mean": mean,
            "limit": None if limit is None else float(limit),
            "std": float(std),
        },
        {},
    )
