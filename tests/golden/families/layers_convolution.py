"""Conv2D and the poolings; odd sizes, so that "same" padding has an odd pixel to place.

Average pooling with "same" padding divides by the cells inside the image only. Keras's torch
backend counts the padding as well (keras#18452, #19721); the jax backend, which makes these
numbers, and TensorFlow do not.
"""

import numpy as np

from layer_case import add_layer_case, normal

CONV2D = {
    "valid": ((2, 5, 6, 3), {"filters": 4, "kernel_size": 3}),
    "same": ((2, 5, 6, 3), {"filters": 4, "kernel_size": 3, "padding": "same"}),
    "same_even_kernel": ((2, 5, 6, 2), {"filters": 3, "kernel_size": [2, 4], "padding": "same"}),
    "valid_strides": ((2, 7, 6, 2), {"filters": 3, "kernel_size": 3, "strides": 2}),
    "same_strides": (
        (2, 7, 6, 2),
        {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"},
    ),
    "same_strides_odd": (
        (2, 6, 5, 2),
        {"filters": 3, "kernel_size": [3, 2], "strides": [3, 2], "padding": "same"},
    ),
    "same_strides_above_kernel": (
        (1, 7, 8, 2),
        {"filters": 2, "kernel_size": 2, "strides": 3, "padding": "same"},
    ),
    "valid_dilation": ((2, 7, 6, 2), {"filters": 3, "kernel_size": 3, "dilation_rate": [2, 1]}),
    "same_dilation": (
        (2, 6, 7, 2),
        {"filters": 3, "kernel_size": 3, "dilation_rate": 2, "padding": "same"},
    ),
    "groups": ((2, 5, 5, 4), {"filters": 6, "kernel_size": 3, "groups": 2}),
    "depthwise": ((2, 5, 5, 3), {"filters": 3, "kernel_size": 3, "groups": 3, "padding": "same"}),
    "groups_strides_same": (
        (1, 5, 6, 4),
        {"filters": 4, "kernel_size": 3, "groups": 2, "strides": 2, "padding": "same"},
    ),
    "one_by_one": ((2, 3, 4, 5), {"filters": 3, "kernel_size": 1}),
    "one_by_one_strides": (
        (2, 5, 4, 3),
        {"filters": 2, "kernel_size": 1, "strides": 2, "padding": "same"},
    ),
    "no_bias": ((2, 4, 4, 2), {"filters": 3, "kernel_size": 3, "use_bias": False}),
    "relu": (
        (2, 5, 5, 2),
        {"filters": 3, "kernel_size": 3, "activation": "relu", "padding": "same"},
    ),
    "tanh": ((2, 5, 5, 2), {"filters": 3, "kernel_size": 3, "activation": "tanh"}),
    "softmax": ((1, 4, 4, 2), {"filters": 3, "kernel_size": 2, "activation": "softmax"}),
    "whole_image": ((2, 4, 3, 2), {"filters": 2, "kernel_size": [4, 3]}),
    "kernel_above_image_same": ((1, 3, 3, 2), {"filters": 2, "kernel_size": 5, "padding": "same"}),
    "row_kernel": ((2, 4, 7, 2), {"filters": 2, "kernel_size": [1, 3]}),
    "five": ((1, 7, 7, 1), {"filters": 2, "kernel_size": 5, "padding": "same"}),
    "one_channel": ((2, 6, 6, 1), {"filters": 8, "kernel_size": 3}),
    "many_channels": ((1, 4, 4, 9), {"filters": 10, "kernel_size": 3, "padding": "same"}),
}
POOLS = {
    "default": ((2, 5, 6, 3), {"pool_size": 2}),
    "same": ((2, 5, 6, 3), {"pool_size": 2, "padding": "same"}),
    "three_stride_two_valid": ((2, 7, 6, 2), {"pool_size": 3, "strides": 2}),
    "three_stride_two_same": ((2, 7, 6, 2), {"pool_size": 3, "strides": 2, "padding": "same"}),
    "overlap_same": ((2, 4, 5, 2), {"pool_size": 3, "strides": 1, "padding": "same"}),
    "overlap_valid": ((2, 4, 5, 2), {"pool_size": [2, 3], "strides": 1}),
    "stride_above_pool": ((2, 7, 8, 2), {"pool_size": 2, "strides": 3}),
    "stride_above_pool_same": ((2, 7, 8, 2), {"pool_size": 2, "strides": 3, "padding": "same"}),
    "rectangle": ((1, 6, 5, 3), {"pool_size": [3, 2], "strides": [2, 3], "padding": "same"}),
    "whole": ((2, 3, 4, 2), {"pool_size": [3, 4]}),
    "pool_above_image_same": ((1, 2, 3, 2), {"pool_size": 5, "strides": 1, "padding": "same"}),
}


def fill(family):
    """Add all convolution and pooling cases."""
    for name, (shape, config) in CONV2D.items():
        add_layer_case(family, f"conv2d_{name}", "Conv2D", config, [normal(f"conv {name}", *shape)])
    for kind, short in [
        ("MaxPooling2D", "max_pooling2d"),
        ("AveragePooling2D", "average_pooling2d"),
    ]:
        for name, (shape, config) in POOLS.items():
            add_layer_case(
                family, f"{short}_{name}", kind, config, [normal(f"pool {name}", *shape)]
            )
        # The padding of "same" must neither win a maximum nor count in a mean.
        negative = -1.0 - np.abs(normal("negative", 2, 5, 5, 2))
        config = {"pool_size": 3, "strides": 2, "padding": "same"}
        add_layer_case(family, f"{short}_all_negative", kind, config, [negative])
    infinite = normal("infinite", 1, 4, 4, 2)
    infinite[0, :2, :2, 0] = -np.inf
    infinite[0, 2, 2, 1] = np.inf
    add_layer_case(
        family,
        "max_pooling2d_infinite",
        "MaxPooling2D",
        {"pool_size": 2},
        [infinite],
        gradients=False,
    )
    x = normal("global", 2, 3, 5, 4)
    add_layer_case(family, "global_average_pooling2d", "GlobalAveragePooling2D", {}, [x])
    add_layer_case(
        family,
        "global_average_pooling2d_keepdims",
        "GlobalAveragePooling2D",
        {"keepdims": True},
        [x],
    )
