"""Products of two tensors, attention, cells and what wraps them."""

import numpy as np

from layer_case import add_layer_case, normal


def fill(family):
    """Add all cases."""
    dots(family)
    einsums(family)
    attentions(family)
    grouped(family)
    reversible(family)
    cells(family)
    distributed(family)


def dots(family):
    """Dot along axes of every kind, and the cosine."""

    def add(name, config, *shapes):
        inputs = [normal(f"{name}{i}", *shape) for i, shape in enumerate(shapes)]
        add_layer_case(family, f"dot_{name}", "Dot", config, inputs, as_list=True)

    add("vectors", {"axes": 1}, (3, 4), (3, 4))
    add("negative", {"axes": -1}, (2, 4, 3), (2, 5, 3))
    add("apart", {"axes": [2, 1]}, (2, 3, 4), (2, 4, 5))
    add("four_axes", {"axes": [2, 3]}, (2, 3, 4, 2), (2, 5, 3, 4))
    add("ranks_differ", {"axes": [1, 1]}, (2, 4, 3), (2, 4))
    add("cosine", {"axes": -1, "normalize": True}, (3, 4), (3, 4))
    add("cosine_of_tables", {"axes": [1, 2], "normalize": True}, (2, 4, 3), (2, 5, 4))


def einsums(family):
    """EinsumDense with every place of dots and bias."""

    def add(name, equation, output_shape, *shape, **config):
        config = {"equation": equation, "output_shape": output_shape, **config}
        add_layer_case(family, f"einsum_{name}", "EinsumDense", config, [normal(name, *shape)])

    add("dense", "ab,bc->ac", 4, 3, 5, bias_axes="c", activation="relu")
    add("time", "abc,cd->abd", [None, 4], 2, 3, 5)
    add("heads", "abc,cde->abde", [None, 2, 3], 2, 3, 5, bias_axes="de")
    add("heads_back", "abcd,cde->abe", [None, 5], 2, 3, 4, 2, bias_axes="e", activation="tanh")
    add("inner_axis", "abc,bd->adc", [6, None], 2, 3, 5, bias_axes="d")
    add("per_place", "abc,bcd->abd", [3, 4], 2, 3, 5, bias_axes="bd")
    add("bias_with_a_gap", "abc,cde->abde", [3, 2, 4], 2, 3, 5, bias_axes="be")
    add("dots_left", "...x,xy->...y", 4, 2, 3, 2, 5, bias_axes="y")
    add("dots_right", "ab...,bc->ac...", 4, 2, 3, 2, 5, bias_axes="c", activation="gelu")
    add("summed_input", "abc,cd->ad", 4, 2, 3, 5)
    add("scaled", "ab,b->ab", 5, 3, 5, bias_axes="b")


QUERY_MASK = np.array([[1, 1, 0], [1, 1, 1]], bool)
VALUE_MASK = np.array([[1, 1, 1, 0], [0, 1, 1, 1]], bool)
SCORES = {"return_attention_scores": True}


def attentions(family):
    """Attention and AdditiveAttention with every option and mask."""
    query, value, key = (normal(name, 2, n, 4) for name, n in (("q", 3), ("v", 4), ("k", 4)))

    def add(name, kind, config=None, inputs=(query, value), **kwargs):
        add_layer_case(family, name, kind, config or {}, list(inputs), as_list=True, **kwargs)

    masks = {"mask": [QUERY_MASK, VALUE_MASK]}
    for kind, label in (("Attention", "attention"), ("AdditiveAttention", "additive")):
        add(f"{label}", kind)
        add(f"{label}_key", kind, inputs=(query, value[..., :2], key), call=SCORES)
        add(f"{label}_masks", kind, tensors=masks, call=SCORES)
        causal = {**SCORES, "use_causal_mask": True}
        seen = {"mask": [QUERY_MASK, np.array([[1, 1, 1, 0], [1, 0, 1, 1]], bool)]}
        add(f"{label}_causal", kind, tensors=seen, call=causal)
    add("attention_scale", "Attention", {"use_scale": True}, call=SCORES)
    add("attention_concat", "Attention", {"score_mode": "concat"}, call=SCORES)
    both = {"score_mode": "concat", "use_scale": True}
    add("attention_concat_scale", "Attention", both, tensors=masks)
    add("additive_no_scale", "AdditiveAttention", {"use_scale": False})


def grouped(family):
    """GroupQueryAttention; Keras is asked for the scores, as for MultiHeadAttention."""
    base = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
    query, value, key = normal("q", 2, 3, 5), normal("v", 2, 4, 5), normal("k", 2, 4, 5)

    def add(name, inputs, options=None, **kwargs):
        config = {**base, **(options or {})}
        add_layer_case(family, f"gqa_{name}", "GroupQueryAttention", config, inputs, **kwargs)

    add("self", [query, query], call=SCORES)
    add("key", [query, value, key], call=SCORES)
    add("one_group", [query, value], {"num_key_value_heads": 1}, call=SCORES)
    add("every_head", [query, value], {"num_key_value_heads": 4, "use_bias": False}, call=SCORES)
    add("gate", [query, value], {"use_gate": True}, call=SCORES)
    add("window", [normal("w", 2, 6, 5)] * 2, {"sliding_window": 2}, call=SCORES)
    add("causal", [query, query], call={**SCORES, "use_causal_mask": True})
    masks = {"query_mask": QUERY_MASK, "value_mask": VALUE_MASK}
    seen = np.array([[[1, 1, 0, 1], [0, 1, 1, 1], [1, 0, 0, 0]]] * 2, bool)
    add("masks", [query, value], tensors={"value_mask": VALUE_MASK}, call=SCORES)
    add("query_mask", [query, value], tensors=masks, call=SCORES)
    add("attention_mask", [query, value], tensors={"attention_mask": seen}, call=SCORES)


def reversible(family):
    """ReversibleEmbedding, both ways."""
    base = {"input_dim": 7, "output_dim": 3}
    ids, vectors = np.array([[0, 3, 6], [3, 3, 1]]), normal("x", 2, 4, 3)

    def add(name, inputs, options=None, **kwargs):
        config = {**base, **(options or {})}
        kind = "ReversibleEmbedding"
        add_layer_case(family, f"reversible_{name}", kind, config, [inputs], **kwargs)

    back = {"reverse": True}
    add("forward", ids)
    add("back", vectors, call=back)
    add("back_untied", vectors, {"tie_weights": False}, call=back)
    add("back_capped", vectors, {"logit_soft_cap": 1.5}, call=back)


def cells(family):
    """Cells by themselves, and RNN around one and around several, with masks and states."""

    def config(kind, units, **options):
        return {"class_name": kind, "config": {"units": units, **options}}

    def add(name, kind, settings, inputs, **kwargs):
        add_layer_case(family, name, kind, settings, [inputs], **kwargs)

    x, step = normal("sequence", 2, 4, 3), normal("step", 2, 3)
    mask = {"mask": np.array([[1, 1, 0, 1], [1, 0, 1, 0]], bool)}
    states = [normal(f"state{i}", 2, 2) for i in range(3)]
    add("cell_simple", "SimpleRNNCell", {"units": 2}, step, tensors={"states": states[:1]})
    add("cell_lstm", "LSTMCell", {"units": 2}, step, tensors={"states": states[:2]})
    add("cell_gru", "GRUCell", {"units": 2}, step, tensors={"states": states[:1]})
    before = {"units": 2, "reset_after": False}
    add("cell_gru_before", "GRUCell", before, step, tensors={"states": states[:1]})
    two = [config("LSTMCell", 2), config("GRUCell", 3, reset_after=False)]
    for label, cell in (
        ("simple", config("SimpleRNNCell", 2)),
        ("lstm", config("LSTMCell", 2, use_bias=False)),
        ("gru", config("GRUCell", 2)),
        ("list", two),
        ("stacked", {"class_name": "StackedRNNCells", "config": {"cells": two}}),
    ):
        both = {"cell": cell, "return_state": True}
        add(f"rnn_{label}", "RNN", both, x)
        add(f"rnn_{label}_mask", "RNN", {"return_sequences": True, **both}, x, tensors=mask)
        back = {"return_sequences": True, "go_backwards": True, **both}
        add(f"rnn_{label}_backwards", "RNN", back, x, tensors=mask)
    zero = {"cell": two, "return_sequences": True, "zero_output_for_mask": True}
    add("rnn_list_zero", "RNN", zero, x, tensors=mask)
    start = {"initial_state": states[:2]}
    add("rnn_lstm_state", "RNN", {"cell": config("LSTMCell", 2)}, x, tensors=start)
    inside = {"class_name": "RNN", "config": {"cell": two, "return_sequences": True}}
    add("bidirectional_rnn", "Bidirectional", {"layer": inside}, x, tensors=mask)


def distributed(family):
    """TimeDistributed around layers of every rank."""

    def add(name, kind, config, *shape):
        settings = {"layer": {"class_name": kind, "config": config}}
        inputs = [normal(name, *shape)]
        add_layer_case(family, f"distributed_{name}", "TimeDistributed", settings, inputs)

    add("dense", "Dense", {"units": 4, "activation": "relu"}, 2, 3, 5)
    add("conv", "Conv2D", {"filters": 2, "kernel_size": 2}, 2, 3, 4, 4, 2)
    add("lstm", "LSTM", {"units": 2}, 2, 3, 4, 2)
    add("flatten", "Flatten", {}, 2, 3, 4, 2)
