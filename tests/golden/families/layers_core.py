"""Dense, Flatten, Reshape, the merges, Embedding, and masks on their way from Masking and Embedding
through other layers."""

import numpy as np

from layer_case import add_layer_case, normal


def fill(family):
    """Add the cases of the plain layers."""
    _dense(family)
    _shapes(family)
    _merges(family)
    _embedding(family)
    _mask_propagation(family)


def _dense(family):
    def add(name, shape, config):
        add_layer_case(family, f"dense_{name}", "Dense", config, [normal(f"dense {name}", *shape)])

    add("plain", (3, 4), {"units": 5})
    add("no_bias", (3, 4), {"units": 2, "use_bias": False})
    add("three_axes", (2, 3, 4), {"units": 3})
    add("four_axes", (2, 2, 3, 4), {"units": 2, "activation": "tanh"})
    add("one_unit", (4, 3), {"units": 1, "activation": "sigmoid"})
    add("one_sample", (1, 7), {"units": 3})
    for activation in ["relu", "softmax", "gelu", "log_softmax", "swish", "leaky_relu", "glu"]:
        add(activation, (3, 4), {"units": 6, "activation": activation})


def _shapes(family):
    x = normal("shapes", 2, 3, 2, 4)
    add_layer_case(family, "flatten", "Flatten", {}, [x])
    add_layer_case(family, "flatten_two_axes", "Flatten", {}, [normal("flat", 3, 4)])
    add_layer_case(family, "flatten_one_axis", "Flatten", {}, [normal("flat", 3)])
    add_layer_case(family, "reshape", "Reshape", {"target_shape": [4, 6]}, [x])
    add_layer_case(family, "reshape_unknown", "Reshape", {"target_shape": [3, -1]}, [x])
    add_layer_case(family, "reshape_flat", "Reshape", {"target_shape": [-1]}, [x])
    for name in ["relu", "softmax", "tanh"]:
        add_layer_case(family, f"activation_{name}", "Activation", {"activation": name}, [x])


def _merges(family):
    a, b, c = (normal(f"merge {i}", 2, 3, 4) for i in "abc")
    row, scalar = normal("merge row", 2, 1, 4), normal("merge scalar", 2, 1, 1)
    for kind, short in [("Add", "add"), ("Multiply", "multiply")]:
        add_layer_case(family, f"{short}_two", kind, {}, [a, b], as_list=True)
        add_layer_case(family, f"{short}_three", kind, {}, [a, b, c], as_list=True)
        add_layer_case(family, f"{short}_same_twice", kind, {}, [a, a], as_list=True)
        add_layer_case(family, f"{short}_broadcast", kind, {}, [a, row, scalar], as_list=True)
        add_layer_case(
            family, f"{short}_fewer_axes", kind, {}, [a, normal("merge few", 2, 4)], as_list=True
        )
    add_layer_case(
        family, "concatenate", "Concatenate", {}, [a, normal("merge wide", 2, 3, 2)], as_list=True
    )
    add_layer_case(
        family, "concatenate_axis_1", "Concatenate", {"axis": 1}, [a, row, b], as_list=True
    )
    add_layer_case(
        family, "concatenate_axis_minus_2", "Concatenate", {"axis": -2}, [a, row], as_list=True
    )


def _embedding(family):
    ids = np.array([[1, 3, 0], [2, 2, 4]], np.int64)
    base = {"input_dim": 5, "output_dim": 3}
    add_layer_case(family, "embedding", "Embedding", base, [ids])
    add_layer_case(family, "embedding_one_axis", "Embedding", base, [ids[0]])
    add_layer_case(family, "embedding_three_axes", "Embedding", base, [ids[:, :, None]])
    add_layer_case(family, "embedding_mask_zero", "Embedding", {**base, "mask_zero": True}, [ids])


def _mask_propagation(family):
    """Chains in which a mask made by the first layer must reach the last."""
    x = normal("chain", 3, 5, 2)
    x[0, 3:] = 0.0
    x[1, :2] = 0.0
    x[2, [1, 3]] = 0.0
    x[2, 2, 0] = 0.0  # one zero feature does not mask a step
    marked = np.where(x == 0.0, -1.0, x)
    ids = np.array([[4, 2, 0, 0], [1, 0, 3, 0], [2, 3, 1, 4]], np.int64)
    masking = ("Masking", {})
    embedding = ("Embedding", {"input_dim": 5, "output_dim": 3, "mask_zero": True})

    def add(name, inputs, *parts, **kwargs):
        config = {"layers": [{"class_name": kind, "config": config} for kind, config in parts]}
        add_layer_case(family, f"chain_{name}", "Sequential", config, [inputs], **kwargs)

    add_layer_case(family, "masking", "Masking", {}, [x])
    add_layer_case(family, "masking_value", "Masking", {"mask_value": -1.0}, [marked])
    sequences = {"units": 2, "return_sequences": True}
    for kind in ["SimpleRNN", "LSTM", "GRU"]:
        add(f"masking_{kind.lower()}", x, masking, (kind, {"units": 2}))
        add(f"embedding_{kind.lower()}", ids, embedding, (kind, sequences))
        add(f"masking_{kind.lower()}_twice", x, masking, (kind, sequences), (kind, {"units": 2}))
    add("masking_value_lstm", marked, ("Masking", {"mask_value": -1.0}), ("LSTM", {"units": 2}))
    inner = {"class_name": "GRU", "config": sequences}
    add(
        "embedding_bidirectional_gru",
        ids,
        embedding,
        ("Bidirectional", {"layer": inner}),
        ("GRU", {"units": 2}),
    )
    dense = ("Dense", {"units": 3, "activation": "tanh"})
    add("masking_dense_lstm", x, masking, dense, ("LSTM", {"units": 2}))
    add(
        "masking_activation_dropout_gru",
        x,
        masking,
        ("Activation", {"activation": "tanh"}),
        ("Dropout", {"rate": 0.5}),
        ("GRU", {"units": 2}),
    )
    add(
        "masking_layer_normalization_lstm",
        x,
        masking,
        ("LayerNormalization", {}),
        ("LSTM", {"units": 2}),
    )
    add(
        "masking_batch_normalization_lstm",
        x,
        masking,
        ("BatchNormalization", {}),
        ("LSTM", {"units": 2}),
        training=True,
    )
    add("embedding_batch_normalization", ids, embedding, ("BatchNormalization", {}), training=True)
    add("masking_flatten_dense", x, masking, ("Flatten", {}), ("Dense", {"units": 2}))
