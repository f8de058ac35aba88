"""The MultiHeadAttention layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina._arrays import Array
from lamina.layers.base import Layer
from lamina.layers.calling import Arrangement, is_data
from lamina.layers.declare import layer


@layer
class MultiHeadAttention(Layer):
    """Each place of a sequence takes a weighted mean of values, weighted by query and key.

    For each head: `softmax(Q @ K^T / sqrt(key_dim)) @ V` with learned projections Q of the query, K
    of the key and V of the value; the heads are joined by a last projection.

    The masks of query, value and key and those of the call are joined. A place that may see nothing
    gets what Keras gives it: the mean of all values; or 0 with dropout, with
    return_attention_scores or with more than one axis between batch and features.

    Args:
        num_heads: Number of heads.
        key_dim: Size of query and key in a head.
        value_dim: Size of the value in a head; None means key_dim.
        dropout: Share of the attention scores dropped in training.
        use_bias: Add learned numbers in the projections.
        output_shape: Features of the output, one axis or several; None means those of the query.
        attention_axes: Axes to attend over, side by side; None means all but batch and features.
            Places on the other axes do not see each other.
        sliding_window: A place sees only places less than this far away; None means all.
        flash_attention: Without effect on the numbers; the engine chooses its own way.
        kernel_initializer: How the kernels start; see `lamina.initializers`.
        bias_initializer: How the biases start.
        kernel_regularizer: Penalty on the kernels; see `lamina.regularizers`.
        bias_regularizer: Penalty on the biases.
        activity_regularizer: Penalty on the output.
        kernel_constraint: Applied to the kernels after each step; see `lamina.constraints`.
        bias_constraint: Applied to the biases after each step.
        use_gate: Multiply what the heads give by `sigmoid` of another projection of the query.
        seed: Seed of the dropout; None takes the model's.

    Call arguments:
        query: `(batch, target, features)`.
        value: `(batch, source, features)`.
        key: `(batch, source, features)`; None means the value.
        value_mask, key_mask: `(batch, source)`, true keeps; by default the masks that came with the
            tensors.
        query_mask: Without effect, as in Keras: the mask that came with the query counts.
        attention_mask: `(batch, target, source)`, true lets a place be seen; also
            `(batch, heads, target, source)`, and 1 for any of the sizes. Arrays may leave the batch
            out.
        return_attention_scores: Give the scores as well.
        use_causal_mask: No place sees a later one.

    Output shape: `(batch, target, output features)`; with return_attention_scores a tuple with the
        scores `(batch, heads, target, source)` behind it.
    Parameters:   `query/kernel` `(features, heads, key_dim)` and `query/bias` `(heads, key_dim)`,
        the same for key, for gate with use_gate, and for value, then `attention_output/kernel`
        `(heads, value_dim, output features)` and its bias.

    Raises:
        ConfigError: num_heads, key_dim, value_dim or sliding_window below 1; dropout outside
            [0, 1]; attention_axes not side by side; a causal mask or window over several axes.
        ShapeError: query, value, key and attention_mask that do not fit together.

    References:
        Vaswani et al., Attention Is All You Need, 2017. Gate: Qiu et al., Gated Attention for Large
        Language Models, 2025. Rust: src/layers/multi_head_attention/mod.rs.

    Example:
        >>> x = np.zeros((2, 5, 16), np.float32)
        >>> MultiHeadAttention(num_heads=4, key_dim=4)(x, x, use_causal_mask=True).shape
        (2, 5, 16)
    """

    num_heads: int
    key_dim: int
    value_dim: int | None = None
    dropout: float = 0.0
    use_bias: bool = True
    output_shape: int | Sequence[int] | None = None
    attention_axes: int | Sequence[int] | None = None
    sliding_window: int | None = None
    flash_attention: bool | None = None
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = None
    kernel_constraint: Any = None
    bias_constraint: Any = None
    use_gate: bool = False
    seed: int | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Add a call to a model under construction, or run on arrays at once."""
        mask, query = kwargs.get("attention_mask"), kwargs.get("query", args[0] if args else None)
        if query is not None and is_data(mask) and is_data(query):
            kwargs["attention_mask"] = _one_per_sample(np.asarray(mask), len(query))
        return super().__call__(*args, **kwargs)

    def _arrange(  # type: ignore[override]
        self,
        query: Any,
        value: Any,
        key: Any = None,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Arrangement:
        inputs, masks = [query, value], [None, value_mask]
        if key is not None:
            inputs.append(key)
            masks.append(key_mask)
        if attention_mask is not None:
            inputs.append(attention_mask)
            masks.append(None)
        options = {
            "use_causal_mask": bool(use_causal_mask),
            "return_attention_scores": bool(return_attention_scores),
            "has_key": key is not None,
            "has_attention_mask": attention_mask is not None,
        }
        return Arrangement(inputs, masks, options)


def _one_per_sample(mask: Array, samples: int) -> Array:
    """An attention mask that is the same for all samples, repeated for each."""
    if mask.ndim == 2:
        mask = mask[np.newaxis]
    shared = mask.ndim > 2 and len(mask) == 1
    return np.broadcast_to(mask, (samples, *mask.shape[1:])) if shared else mask
