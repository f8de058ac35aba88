"""Group, RMS, unit and spectral normalization, and Normalization with numbers known beforehand."""

from layer_case import add_layer_case, normal


def fill(family):
    """Add all cases."""
    _group_normalization(family)
    _rows(family)
    _known_numbers(family)
    _spectral_normalization(family)


def _group_normalization(family):
    def add(name, shape, config, scale=1.0, shift=0.0):
        x = scale * normal(f"gn {name}", *shape) + shift
        add_layer_case(family, f"group_normalization_{name}", "GroupNormalization", config, [x])

    add("images", (2, 3, 4, 6), {"groups": 2})
    add("default", (2, 3, 64), {})
    add("instance", (2, 3, 4, 3), {"groups": -1})
    add("one_group", (2, 3, 4), {"groups": 1})
    add("two_axes", (3, 6), {"groups": 3})
    add("axis_1", (2, 4, 3, 2), {"groups": 2, "axis": 1})
    add("axis_minus_two", (2, 3, 4, 2), {"groups": 2, "axis": -2})
    add("no_center", (2, 3, 4), {"groups": 2, "center": False})
    add("no_scale", (2, 3, 4), {"groups": 2, "scale": False})
    add("neither", (2, 3, 4), {"groups": 4, "center": False, "scale": False})
    add("epsilon", (2, 3, 4), {"groups": 2, "epsilon": 0.1})
    add("large_mean", (2, 5, 4), {"groups": 2}, shift=100.0)


def _rows(family):
    def add(name, kind, shape, config, scale=1.0):
        x = scale * normal(name, *shape)
        add_layer_case(family, name, kind, config, [x])

    add("rms_normalization_default", "RMSNormalization", (3, 5), {})
    add("rms_normalization_three_axes", "RMSNormalization", (2, 3, 20), {"epsilon": 0.1})
    add("rms_normalization_last_two", "RMSNormalization", (2, 3, 4), {"axis": [-2, -1]})
    add("rms_normalization_tiny", "RMSNormalization", (3, 5), {}, scale=1e-3)
    add("unit_normalization_default", "UnitNormalization", (3, 5), {})
    add("unit_normalization_axis_1", "UnitNormalization", (2, 3, 4), {"axis": 1})
    add("unit_normalization_axes", "UnitNormalization", (2, 3, 2, 4), {"axis": [1, -1]})


def _known_numbers(family):
    def add(name, shape, config):
        x = normal(f"known {name}", *shape)
        add_layer_case(family, f"normalization_{name}", "Normalization", config, [x])

    add("adapted", (3, 4), {})
    add("adapted_axis_1", (2, 3, 4), {"axis": 1})
    add("adapted_axes", (2, 3, 2, 4), {"axis": [1, -1]})
    add("adapted_no_axis", (2, 3, 4), {"axis": None})
    add("adapted_invert", (3, 4), {"invert": True})
    add("given", (3, 2), {"mean": [1.0, -2.0], "variance": [4.0, 0.25]})
    add("given_numbers", (2, 3, 2), {"mean": 0.5, "variance": 2.0})
    add("given_no_axis", (2, 3), {"axis": None, "mean": 0.5, "variance": 2.0, "invert": True})
    add(
        "given_stretched",
        (2, 2, 3),
        {"axis": [1, 2], "mean": [[1.0], [2.0]], "variance": [[4.0], [9.0]]},
    )
    add("given_fewer_axes", (2, 3, 2), {"axis": [1, 2], "mean": [1.0, 2.0], "variance": [4.0, 9.0]})
    add("variance_zero", (2, 2), {"mean": [1.0, 2.0], "variance": [0.0, 1.0]})


def _spectral_normalization(family):
    def add(name, kind, layer, inputs, config=None):
        config = {"layer": {"class_name": kind, "config": layer}, **(config or {})}
        # In inference Keras takes the kernel as it is, lamina the divided one.
        label = f"spectral_normalization_{name}"
        kind = "SpectralNormalization"
        add_layer_case(family, label, kind, config, [inputs], training=True)

    add("dense", "Dense", {"units": 4}, normal("sn dense", 3, 5))
    add(
        "dense_relu",
        "Dense",
        {"units": 4, "activation": "relu", "use_bias": False},
        normal("sn dense relu", 3, 5),
        {"power_iterations": 3},
    )
    add(
        "conv2d",
        "Conv2D",
        {"filters": 3, "kernel_size": 2, "activation": "gelu"},
        normal("sn conv2d", 2, 4, 4, 2),
    )
