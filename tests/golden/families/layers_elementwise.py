"""Rectifiers, Identity, Permute, RepeatVector and Rescaling, and masks through them."""

from layer_case import add_layer_case, normal


def fill(family):
    """Add the cases of layers that treat each number or each axis alone."""
    x = normal("elementwise", 2, 3, 2, 4)

    def add(name, kind, config, inputs=x):
        add_layer_case(family, name, kind, config, [inputs])

    add("relu", "ReLU", {})
    add("relu_max_value", "ReLU", {"max_value": 0.8})
    add("relu_negative_slope", "ReLU", {"negative_slope": 0.2})
    add("relu_threshold", "ReLU", {"threshold": 0.5})
    everything = {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.4}
    add("relu_everything", "ReLU", everything)
    add("leaky_relu", "LeakyReLU", {})
    add("leaky_relu_slope", "LeakyReLU", {"negative_slope": 0.1})
    add("elu", "ELU", {})
    add("elu_alpha", "ELU", {"alpha": 0.4})
    add("prelu", "PReLU", {})
    add("prelu_shared", "PReLU", {"shared_axes": [1, 2]})
    add("prelu_shared_last", "PReLU", {"shared_axes": [3]})
    add("identity", "Identity", {})
    add("permute", "Permute", {"dims": [3, 1, 2]})
    add("permute_swap", "Permute", {"dims": [1, 3, 2]})
    add("repeat_vector", "RepeatVector", {"n": 3}, normal("repeat", 2, 5))
    add("rescaling", "Rescaling", {"scale": 0.5, "offset": -1.0})
    add("rescaling_channels", "Rescaling", {"scale": [1.0, 2.0, 3.0, 4.0], "offset": 0.5})
    steps = normal("elementwise steps", 3, 5, 2)
    steps[0, 3:] = 0.0
    steps[1, :2] = 0.0
    for kind, config in [("ReLU", {}), ("PReLU", {}), ("Identity", {}), ("ELU", {})]:
        parts = [("Masking", {}), (kind, config), ("LSTM", {"units": 2})]
        config = {"layers": [{"class_name": kind, "config": config} for kind, config in parts]}
        add_layer_case(family, f"chain_masking_{kind.lower()}", "Sequential", config, [steps])
