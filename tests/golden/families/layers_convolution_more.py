"""Convolutions over one and three axes, depthwise, separable and transposed ones.

Odd sizes, so that "same" padding has an odd place to put.
"""

from layer_case import add_layer_case, normal

CONV1D = {
    "valid": ((2, 7, 3), {"filters": 4, "kernel_size": 3}),
    "same": ((2, 7, 3), {"filters": 4, "kernel_size": 4, "padding": "same"}),
    "same_strides": ((2, 8, 3), {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same"}),
    "valid_strides": ((2, 8, 2), {"filters": 3, "kernel_size": 2, "strides": 3}),
    "causal": ((2, 6, 3), {"filters": 4, "kernel_size": 3, "padding": "causal"}),
    "causal_dilation": (
        (2, 7, 2),
        {"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2},
    ),
    "causal_strides": (
        (2, 7, 2),
        {"filters": 3, "kernel_size": 3, "padding": "causal", "strides": 2},
    ),
    "valid_dilation": ((2, 8, 2), {"filters": 3, "kernel_size": 3, "dilation_rate": 3}),
    "groups": ((2, 6, 4), {"filters": 6, "kernel_size": 3, "groups": 2, "padding": "same"}),
    "one": ((2, 5, 3), {"filters": 4, "kernel_size": 1, "activation": "relu"}),
    "gelu_no_bias": (
        (2, 6, 3),
        {"filters": 4, "kernel_size": 3, "activation": "gelu", "use_bias": False},
    ),
}
CONV3D = {
    "valid": ((2, 4, 5, 6, 2), {"filters": 3, "kernel_size": 3}),
    "same": ((1, 4, 5, 3, 2), {"filters": 3, "kernel_size": [2, 3, 4], "padding": "same"}),
    "same_strides": (
        (1, 5, 4, 7, 2),
        {"filters": 2, "kernel_size": 3, "strides": [2, 1, 3], "padding": "same"},
    ),
    "valid_strides": ((1, 6, 5, 5, 2), {"filters": 3, "kernel_size": 2, "strides": 2}),
    "dilation": (
        (1, 6, 6, 5, 2),
        {"filters": 2, "kernel_size": [3, 2, 2], "dilation_rate": [2, 3, 1], "padding": "same"},
    ),
    "groups": (
        (1, 4, 4, 4, 4),
        {"filters": 6, "kernel_size": [3, 2, 1], "groups": 2, "padding": "same"},
    ),
    "one_plane": ((2, 3, 4, 4, 2), {"filters": 3, "kernel_size": [1, 2, 3]}),
    "planes_skipped": ((2, 5, 3, 3, 2), {"filters": 3, "kernel_size": 1, "strides": [2, 1, 1]}),
    "tanh_no_bias": (
        (1, 3, 4, 4, 2),
        {"filters": 3, "kernel_size": 2, "activation": "tanh", "use_bias": False},
    ),
}
DEPTHWISE2D = {
    "valid": ((2, 5, 6, 3), {"kernel_size": 3}),
    "same": ((2, 5, 6, 20), {"kernel_size": [2, 3], "padding": "same"}),
    "multiplier": ((2, 5, 6, 3), {"kernel_size": 3, "depth_multiplier": 2, "padding": "same"}),
    "same_strides": ((2, 7, 6, 3), {"kernel_size": 3, "strides": 2, "padding": "same"}),
    "valid_strides": ((2, 7, 7, 3), {"kernel_size": 2, "strides": 3, "depth_multiplier": 3}),
    "dilation": ((2, 7, 7, 3), {"kernel_size": 3, "dilation_rate": 2, "padding": "same"}),
    "one_channel": ((2, 5, 6, 1), {"kernel_size": 3, "depth_multiplier": 2}),
    "relu": ((2, 5, 5, 3), {"kernel_size": 3, "activation": "relu"}),
    "silu_no_bias": ((2, 5, 5, 3), {"kernel_size": 3, "activation": "silu", "use_bias": False}),
    "large_kernel_same": ((1, 3, 3, 4), {"kernel_size": 5, "padding": "same"}),
}
DEPTHWISE1D = {
    "valid": ((2, 7, 3), {"kernel_size": 3}),
    "same": ((2, 7, 3), {"kernel_size": 4, "padding": "same", "depth_multiplier": 2}),
    "strides": ((2, 8, 3), {"kernel_size": 3, "strides": 2, "padding": "same"}),
    "dilation": ((2, 8, 3), {"kernel_size": 2, "dilation_rate": 3, "activation": "tanh"}),
}
SEPARABLE2D = {
    "valid": ((2, 5, 6, 3), {"filters": 4, "kernel_size": 3}),
    "same": ((2, 5, 6, 3), {"filters": 2, "kernel_size": [2, 3], "padding": "same"}),
    "multiplier": ((2, 5, 5, 2), {"filters": 3, "kernel_size": 3, "depth_multiplier": 3}),
    "strides": ((2, 6, 7, 2), {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}),
    "dilation": (
        (2, 7, 7, 2),
        {"filters": 3, "kernel_size": 3, "dilation_rate": 2, "activation": "relu"},
    ),
    "gelu_no_bias": (
        (2, 5, 5, 2),
        {"filters": 3, "kernel_size": 2, "activation": "gelu", "use_bias": False},
    ),
}
SEPARABLE1D = {
    "valid": ((2, 7, 3), {"filters": 4, "kernel_size": 3}),
    "same": ((2, 7, 3), {"filters": 4, "kernel_size": 2, "padding": "same", "depth_multiplier": 2}),
    "strides": ((2, 8, 3), {"filters": 4, "kernel_size": 3, "strides": 2, "activation": "tanh"}),
    "dilation": (
        (2, 8, 3),
        {"filters": 2, "kernel_size": 3, "dilation_rate": 2, "padding": "same", "use_bias": False},
    ),
}
TRANSPOSED = {
    "valid": {"filters": 3, "kernel_size": 3},
    "same": {"filters": 3, "kernel_size": 3, "padding": "same"},
    "valid_strides": {"filters": 2, "kernel_size": 3, "strides": 2},
    "same_strides": {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same"},
    "same_strides_even": {"filters": 2, "kernel_size": 4, "strides": 2, "padding": "same"},
    "strides_above_kernel": {"filters": 2, "kernel_size": 2, "strides": 3},
    "same_strides_above_kernel": {
        "filters": 2,
        "kernel_size": 1,
        "strides": 3,
        "padding": "same",
    },
    "output_padding_valid": {"filters": 2, "kernel_size": 3, "strides": 2, "output_padding": 1},
    "output_padding_same": {
        "filters": 2,
        "kernel_size": 3,
        "strides": 2,
        "output_padding": 1,
        "padding": "same",
    },
    "output_padding_zero": {
        "filters": 2,
        "kernel_size": 3,
        "strides": 3,
        "output_padding": 0,
        "padding": "same",
    },
    "dilation": {"filters": 2, "kernel_size": 2, "dilation_rate": 2},
    "dilation_same": {"filters": 2, "kernel_size": 3, "dilation_rate": 2, "padding": "same"},
    "relu": {"filters": 2, "kernel_size": 3, "activation": "relu"},
    "gelu_no_bias": {"filters": 2, "kernel_size": 2, "activation": "gelu", "use_bias": False},
}
TRANSPOSED_INPUTS = {1: (2, 5, 3), 2: (2, 3, 4, 3), 3: (1, 3, 2, 3, 2)}


def fill(family):
    """Add all cases."""
    for kind, short, cases in [
        ("Conv1D", "conv1d", CONV1D),
        ("Conv3D", "conv3d", CONV3D),
        ("DepthwiseConv1D", "depthwise_conv1d", DEPTHWISE1D),
        ("DepthwiseConv2D", "depthwise_conv2d", DEPTHWISE2D),
        ("SeparableConv1D", "separable_conv1d", SEPARABLE1D),
        ("SeparableConv2D", "separable_conv2d", SEPARABLE2D),
    ]:
        for name, (shape, config) in cases.items():
            add_layer_case(family, f"{short}_{name}", kind, config, [normal(name, *shape)])
    for rank, shape in TRANSPOSED_INPUTS.items():
        for name, config in TRANSPOSED.items():
            kind = f"Conv{rank}DTranspose"
            label = f"conv{rank}d_transpose_{name}"
            add_layer_case(family, label, kind, config, [normal(name, *shape)])
    first = {"data_format": "channels_first", "kernel_size": 2}
    for kind, short, shape, config in [
        ("Conv1D", "conv1d", (2, 3, 5), {"filters": 2}),
        ("Conv3D", "conv3d", (1, 2, 3, 4, 3), {"filters": 2, "padding": "same"}),
        ("DepthwiseConv1D", "depthwise_conv1d", (2, 3, 5), {"depth_multiplier": 2}),
        ("DepthwiseConv2D", "depthwise_conv2d", (2, 3, 5, 4), {"padding": "same"}),
        ("SeparableConv2D", "separable_conv2d", (2, 3, 5, 4), {"filters": 2}),
        ("Conv2DTranspose", "conv2d_transpose", (2, 3, 4, 3), {"filters": 2, "strides": 2}),
    ]:
        label = f"{short}_channels_first"
        add_layer_case(family, label, kind, {**config, **first}, [normal(label, *shape)])
