"""Layers that move or summarise space, and layers whose channels come first."""

import numpy as np

from layer_case import add_layer_case, normal


def fill(family):
    """Add the cases of layers over sequences, images and volumes."""
    _softmax(family)
    _borders(family)
    _up_sampling(family)
    _poolings(family)
    _channels_first(family)


SPACES = {1: (2, 7, 3), 2: (2, 5, 6, 2), 3: (1, 4, 5, 3, 2)}
"""An input of each rank."""


def _softmax(family):
    x = normal("softmax", 2, 3, 2, 4)

    def add(name, config, inputs=x, **kwargs):
        add_layer_case(family, f"softmax_{name}", "Softmax", config, [inputs], **kwargs)

    add("last", {})
    add("first", {"axis": 1})
    add("two_axes", {"axis": [1, 3]})
    add("three_axes", {"axis": [-1, -2, 1]})
    add("two_dimensions", {}, normal("softmax", 3, 5))
    mask = normal("softmax mask", 2, 3, 2, 4) < 0.7
    mask[0, 1, 0] = False  # nothing is left of one row
    add("mask", {}, tensors={"mask": mask})
    add("mask_axis", {"axis": 2}, tensors={"mask": mask[:, :1]})


def _borders(family):
    first = {"data_format": "channels_first"}

    def add(kind, name, config, rank):
        x = normal(f"borders {rank}", *SPACES[rank])
        add_layer_case(family, f"{kind.lower()}_{name}", kind, config, [x])

    pairs = {1: [2, 1], 2: [[0, 2], [1, 3]], 3: [[1, 0], [0, 2], [1, 1]]}
    for rank, pair in pairs.items():
        add(f"ZeroPadding{rank}D", "default", {}, rank)
        add(f"ZeroPadding{rank}D", "one", {"padding": 2}, rank)
        add(f"ZeroPadding{rank}D", "pairs", {"padding": pair}, rank)
        add(f"ZeroPadding{rank}D", "channels_first", {"padding": pair, **first}, rank)
        add(f"Cropping{rank}D", "default", {}, rank)
        add(f"Cropping{rank}D", "one", {"cropping": 1}, rank)
        add(f"Cropping{rank}D", "pairs", {"cropping": pair}, rank)
        if rank > 1:
            pair = [[1, 0]] * rank
            add(f"Cropping{rank}D", "channels_first", {"cropping": pair, **first}, rank)
            symmetric = [1, 2, 0][:rank]
            add(f"ZeroPadding{rank}D", "symmetric", {"padding": symmetric}, rank)
            symmetric = [0, 2, 1][:rank]
            add(f"Cropping{rank}D", "symmetric", {"cropping": symmetric}, rank)


def _up_sampling(family):
    first = {"data_format": "channels_first"}

    def add(name, config, rank):
        kind = f"UpSampling{rank}D"
        x = normal(f"up {rank}", *SPACES[rank])
        add_layer_case(family, f"{kind.lower()}_{name}", kind, config, [x])

    for rank in SPACES:
        add("default", {}, rank)
    add("three", {"size": 3}, 1)
    add("every_axis", {"size": [1, 3]}, 2)
    add("every_axis", {"size": [3, 1, 2]}, 3)
    add("channels_first", {"size": [2, 1], **first}, 2)
    add("channels_first", {"size": [1, 2, 1], **first}, 3)
    for interpolation in ["bilinear", "bicubic", "lanczos3", "lanczos5"]:
        add(interpolation, {"size": [2, 3], "interpolation": interpolation}, 2)
        config = {"size": [4, 1], "interpolation": interpolation, **first}
        add(f"{interpolation}_channels_first", config, 2)


def _poolings(family):
    def add(kind, name, config, rank, **kwargs):
        x = normal(f"pooling {rank}", *SPACES[rank])
        add_layer_case(family, f"{kind.lower()}_{name}", kind, config, [x], **kwargs)

    for rank in SPACES:
        whole = list(SPACES[rank][1:-1])
        first = {"data_format": "channels_first"}
        for short in ["Max", "Average"]:
            kind = f"{short}Pooling{rank}D"
            add(kind, "two", {"pool_size": 2}, rank)
            add(kind, "same", {"pool_size": 2, "padding": "same"}, rank)
            overlapping = {"pool_size": 3, "strides": 2, "padding": "same"}
            add(kind, "overlapping", overlapping, rank)
            add(kind, "step_one", {"pool_size": 2, "strides": 1}, rank)
            add(kind, "whole", {"pool_size": whole}, rank)
            sizes = {"pool_size": [3, 2, 1][:rank], "strides": [1, 3, 2][:rank]}
            add(kind, "every_axis", sizes, rank)
            add(kind, "channels_first", {"pool_size": 2, "padding": "same", **first}, rank)
            add(f"Global{kind}", "default", {}, rank)
            add(f"Global{kind}", "keepdims", {"keepdims": True}, rank)
            add(f"Global{kind}", "channels_first", {"keepdims": True, **first}, rank)
            add(f"Adaptive{kind}", "two", {"output_size": 2}, rank)
            add(f"Adaptive{kind}", "three", {"output_size": [3, 4, 1][:rank]}, rank)
            add(f"Adaptive{kind}", "more", {"output_size": [8, 3, 4][:rank]}, rank)
            add(f"Adaptive{kind}", "channels_first", {"output_size": 2, **first}, rank)
    kind = "GlobalAveragePooling1D"
    mask = np.array([[True] * 4 + [False] * 3, [False, True, False, True, True, True, False]])
    add(kind, "mask", {}, 1, tensors={"mask": mask})
    add(kind, "mask_keepdims", {"keepdims": True}, 1, tensors={"mask": mask})
    mask = np.array([[True, False, True], [False, True, True]])
    first = {"data_format": "channels_first"}
    add(kind, "mask_channels_first", first, 1, tensors={"mask": mask})


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
    kernel = {"filters": 3, "kernel_size": 2}
    same = {**kernel, "padding": "same", "strides": 2}
    for rank in (1, 3):
        inputs = normal("channels first", 2, 2, *(5, 4, 3)[:rank])
        add(f"conv{rank}d", f"Conv{rank}D", {**same, "activation": "relu"}, inputs)
    for rank in (1, 2, 3):
        inputs = normal("channels first", 1, 2, *(3, 4, 2)[:rank])
        add(f"conv{rank}d_transpose", f"Conv{rank}DTranspose", same, inputs)
    add("conv1d_causal", "Conv1D", {**kernel, "padding": "causal"}, normal("causal", 2, 2, 5))
    for rank in (1, 2):
        inputs = normal("channels first", 2, 2, *(5, 4)[:rank])
        depthwise = {"kernel_size": 2, "depth_multiplier": 2, "padding": "same"}
        add(f"depthwise_conv{rank}d", f"DepthwiseConv{rank}D", depthwise, inputs)
        add(f"separable_conv{rank}d", f"SeparableConv{rank}D", same, inputs)
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
