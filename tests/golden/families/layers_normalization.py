"""LayerNormalization and BatchNormalization, with large means and tiny variances to catch careless
formulas."""

import numpy as np

from layer_case import add_layer_case, normal


def fill(family):
    """Add all normalization cases."""
    _layer_normalization(family)
    _batch_normalization(family)


def _layer_normalization(family):
    def add(name, shape, config, scale=1.0, shift=0.0):
        x = scale * normal(f"ln {name}", *shape) + shift
        add_layer_case(family, f"layer_normalization_{name}", "LayerNormalization", config, [x])

    add("default", (3, 5), {})
    add("three_axes", (2, 3, 4), {})
    add("axis_1", (2, 3, 4), {"axis": 1})
    add("axes_1_2", (2, 3, 4), {"axis": [1, 2]})
    add("axes_last_two", (2, 3, 2, 4), {"axis": [-2, -1]})
    add("axes_all", (2, 3, 2, 4), {"axis": [1, 2, 3]})
    add("no_center", (3, 4), {"center": False})
    add("no_scale", (3, 4), {"scale": False})
    add("neither", (3, 4), {"center": False, "scale": False})
    add("epsilon", (3, 4), {"epsilon": 1e-6})
    add("large_mean", (3, 6), {}, shift=1000.0)
    add("tiny_variance", (3, 6), {}, scale=1e-3)
    add("one_feature", (4, 1), {})


def _batch_normalization(family):
    mask = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 0, 0]], bool)

    def add(name, shape, config, *, scale=1.0, shift=0.0, **kwargs):
        x = scale * normal(f"bn {name}", *shape) + shift
        for training in (False, True):
            mode = "training" if training else "inference"
            full = f"batch_normalization_{name}_{mode}"
            add_layer_case(
                family, full, "BatchNormalization", config, [x], training=training, **kwargs
            )

    add("two_axes", (6, 3), {})
    add("three_axes", (4, 3, 2), {})
    add("images", (2, 3, 4, 3), {})
    add("axis_1", (2, 3, 4, 2), {"axis": 1})
    add("axis_minus_two", (2, 3, 4), {"axis": -2})
    add("no_center", (5, 3), {"center": False})
    add("no_scale", (5, 3), {"scale": False})
    add("neither", (5, 3), {"center": False, "scale": False})
    add("momentum_epsilon", (5, 3), {"momentum": 0.7, "epsilon": 1e-5})
    add("mask", (4, 3, 2), {}, tensors={"mask": mask})
    add("large_mean", (6, 2), {}, shift=1000.0)
    add("tiny_variance", (6, 2), {}, scale=1e-3)
    add("one_sample", (1, 3), {})
    add(
        "renorm",
        (6, 3),
        {"renorm": True, "renorm_clipping": {"rmin": 0.8, "rmax": 1.5, "dmax": 0.5}},
    )
    add("frozen", (5, 3), {"trainable": False})
