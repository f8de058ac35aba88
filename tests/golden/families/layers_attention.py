"""MultiHeadAttention: self and cross, every shape option, and masks of every kind, also combined.

Keras takes two ways through the maths. Asked for the scores it writes out the product, the masked
softmax and the second product; otherwise it calls `ops.dot_product_attention`, which on jax does
the softmax in float32 and fails when value_dim differs from key_dim. So Keras is always asked for
the scores here. The ways differ in one point: a query that may look at nothing. The first adds -1e9
to its logits and so, in float64, returns nearly the softmax without a mask; the second, and the
first in float32, return equal weights. That case (`mha_attention_mask_empty_row`) is made the
second way, with a wider `tolerance` in the file.
"""

import numpy as np

from layer_case import add_layer_case, normal

BATCH, QUERY, KEY, FEATURES = 2, 3, 4, 5
BASE = {"num_heads": 2, "key_dim": 3}
SCORES = {"return_attention_scores": True}
CAUSAL = {"use_causal_mask": True}


def fill(family):
    """Add all attention cases."""
    query, value = normal("query", BATCH, QUERY, FEATURES), normal("value", BATCH, KEY, 4)
    key = normal("key", BATCH, KEY, 6)
    query_mask = np.array([[1, 1, 0], [1, 1, 1]], bool)
    value_mask = np.array([[1, 1, 1, 0], [0, 1, 1, 1]], bool)
    key_mask = np.array([[1, 0, 1, 1], [1, 1, 1, 1]], bool)
    attention_mask = np.array(
        [[[1, 1, 0, 1], [0, 1, 1, 1], [1, 0, 0, 0]], [[1, 1, 1, 1], [0, 0, 1, 0], [1, 1, 1, 0]]],
        bool,
    )

    def add(name, inputs, options=None, **kwargs):
        if "return_attention_scores" not in kwargs.get("call", {}) and "tolerance" not in kwargs:
            kwargs["keras_only"] = SCORES
        add_layer_case(
            family,
            f"mha_{name}",
            "MultiHeadAttention",
            {**BASE, **(options or {})},
            inputs,
            **kwargs,
        )

    same = [query, query]
    cross = [query, value]
    three = [query, value, key]
    add("self", same)
    add("self_scores", same, call=SCORES)
    add("cross", cross)
    add("cross_scores", cross, call=SCORES)
    add("separate_key", three, call=SCORES)
    add("one_head", same, {"num_heads": 1, "key_dim": 4})
    add("four_heads", same, {"num_heads": 4, "key_dim": 1})
    add("value_dim", cross, {"value_dim": 5})
    add("value_dim_scores", three, {"value_dim": 1}, call=SCORES)
    add("output_shape", cross, {"output_shape": 7})
    add("output_shape_two_axes", cross, {"output_shape": [2, 3]})
    add("no_bias", three, {"use_bias": False}, call=SCORES)
    add("causal", same, call=CAUSAL)
    add("causal_scores", same, call={**CAUSAL, **SCORES})
    add("causal_cross", cross, call={**CAUSAL, **SCORES})
    add("attention_mask", cross, tensors={"attention_mask": attention_mask}, call=SCORES)
    add(
        "attention_mask_one_row",
        cross,
        tensors={"attention_mask": attention_mask[:, :1]},
        call=SCORES,
    )
    add("attention_mask_shared", cross, tensors={"attention_mask": attention_mask[:1]}, call=SCORES)
    add(
        "attention_mask_causal",
        cross,
        tensors={"attention_mask": attention_mask},
        call={**CAUSAL, **SCORES},
    )
    nothing = attention_mask.copy()
    nothing[0, 1] = False
    add("attention_mask_empty_row", cross, tensors={"attention_mask": nothing}, tolerance=1e-6)
    add("query_mask", cross, tensors={"query_mask": query_mask}, call=SCORES)
    add("value_mask", cross, tensors={"value_mask": value_mask}, call=SCORES)
    add("key_mask", three, tensors={"key_mask": key_mask}, call=SCORES)
    masks = {"query_mask": query_mask, "value_mask": value_mask, "key_mask": key_mask}
    add("all_masks", three, tensors=masks, call=SCORES)
    add(
        "all_masks_causal",
        three,
        tensors={**masks, "attention_mask": attention_mask},
        call={**CAUSAL, **SCORES},
    )
    grid = normal("grid", 2, 3, 2, 4)
    add("attention_axes_first", [grid, grid], {"attention_axes": [1]})
    add("attention_axes_second", [grid, grid], {"attention_axes": [2]}, call=SCORES)
    add("attention_axes_both", [grid, grid], {"attention_axes": [1, 2]}, call=SCORES)
    add("four_axes_default", [grid, grid])
    add("sliding_window", [normal("window", 2, 6, 3)] * 2, {"sliding_window": 2}, call=SCORES)
    add("use_gate", same, {"use_gate": True})
    add("long", [normal("long", 1, 17, 6)] * 2, {"num_heads": 2, "key_dim": 4}, call=CAUSAL)
    large = 30.0 * normal("large", 1, 3, FEATURES)
    add("large_logits", [large, large], call=SCORES)
