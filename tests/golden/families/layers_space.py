"""Layers that move or summarise space, and layers whose channels come first."""

from layer_case import add_layer_case, normal


def fill(family):
    """Add the cases of layers over sequences, images and volumes."""
    _channels_first(family)


def _channels_first(family):
    first = {"data_format": "channels_first"}
    x = normal("channels first", 2, 3, 5, 6)

    def add(name, kind, config, inputs=x, **kwargs):
        config = {**config, **first}
        add_layer_case(family, f"channels_first_{name}", kind, config, [inputs], **kwargs)

    conv = {"filters": 4, "kernel_size": [3, 2]}
    add("conv2d", "Conv2D", conv)
    add("conv2d_same", "Conv2D", {**conv, "padding": "same", "strides": 2, "activation": "tanh"})
    dilated = {"filters": 6, "kernel_size": 2, "groups": 3, "dilation_rate": [2, 1]}
    add("conv2d_groups", "Conv2D", {**dilated, "use_bias": False})
    for kind, short in [("MaxPooling2D", "max"), ("AveragePooling2D", "average")]:
        add(f"{short}_pooling2d", kind, {"pool_size": 2})
        add(f"{short}_pooling2d_same", kind, {"pool_size": [3, 2], "padding": "same", "strides": 2})
    add("global_average_pooling2d", "GlobalAveragePooling2D", {})
    add("global_average_pooling2d_keepdims", "GlobalAveragePooling2D", {"keepdims": True})
    add("flatten", "Flatten", {})
    add("flatten_three_axes", "Flatten", {}, normal("channels first", 2, 3, 4))
    add("flatten_two_axes", "Flatten", {}, normal("channels first", 2, 3))

    def chain(name, *parts, **kwargs):
        config = {"layers": [{"class_name": kind, "config": config} for kind, config in parts]}
        name = f"channels_first_chain_{name}"
        add_layer_case(family, name, "Sequential", config, [x], **kwargs)

    conv = ("Conv2D", {"filters": 4, "kernel_size": 3, "padding": "same", **first})
    pool = ("MaxPooling2D", {"pool_size": 2, **first})
    chain("block", conv, ("BatchNormalization", {"axis": 1}), ("ReLU", {}), conv, pool)
    chain("training", conv, ("BatchNormalization", {"axis": 1}), pool, training=True)
    # Layers that go along, told where their axis has gone, and layers that need the axes as given.
    chain("rows", conv, ("BatchNormalization", {"axis": 2}), conv)
    chain("normalized", conv, ("LayerNormalization", {"axis": 1}), conv)
    chain("normalized_columns", conv, ("LayerNormalization", {"axis": -1}), conv)
    chain("normalized_planes", conv, ("LayerNormalization", {"axis": [1, 2]}), conv)
    chain("softmax", conv, ("Activation", {"activation": "softmax"}), conv)
    chain("prelu", conv, ("PReLU", {"shared_axes": [2, 3]}), conv)
    chain("flatten", conv, ("Flatten", {}), ("Dense", {"units": 2}))
    chain("reshape", conv, ("Reshape", {"target_shape": [4, 30]}), ("LSTM", {"units": 2}))
