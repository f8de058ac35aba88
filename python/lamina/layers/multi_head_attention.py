"""The MultiHeadAttention layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.layers.base import Layer
from lamina.layers.calling import Arrangement
from lamina.layers.declare import layer


@layer
class MultiHeadAttention(Layer):
    """Each place of a sequence takes a weighted mean of values, weighted by query and key.

    For each head: `softmax(Q @ K^T / sqrt(key_dim)) @ V` with learned projections Q of the query, K
    of the key and V of the value; the heads are joined by a last projection.

    Args:
        num_heads: Number of heads.
        key_dim: Size of query and key in a head.
        value_dim: Size of the value in a head; None means key_dim.
        dropout: Share of the attention scores dropped in training.
        use_bias: Add learned numbers in the projections.
        output_shape: Features of the output; None means those of the query.
        attention_axes: Axes to attend over; None means all but batch and features.
        sliding_window: How many places back a place sees; None means all.
        flash_attention: Without effect on the numbers; the engine chooses its own way.
        kernel_initializer: How the kernels start; see `lamina.initializers`.
        bias_initializer: How the biases start.
        kernel_regularizer: Penalty on the kernels; see `lamina.regularizers`.
        bias_regularizer: Penalty on the biases.
        activity_regularizer: Penalty on the output.
        kernel_constraint: Applied to the kernels after each step; see `lamina.constraints`.
        bias_constraint: Applied to the biases after each step.
        use_gate: Multiply each head's values by a learned sigmoid of the query.
        seed: Seed of the dropout; None takes the model's.

    Call arguments:
        query: `(batch, target, features)`.
        value: `(batch, source, features)`.
        key: `(batch, source, features)`; None means the value.
        query_mask, value_mask, key_mask: `(batch, target)` or `(batch, source)`, true keeps; by
            default the masks that came with the tensors.
        attention_mask: `(batch, target, source)`, true lets a place be seen.
        return_attention_scores: Give the scores as well.
        use_causal_mask: No place sees a later one.

    Output shape: `(batch, target, output features)`; with return_attention_scores a tuple with the
        scores `(batch, heads, target, source)` behind it.
    Parameters:   `query/kernel` `(features, heads, key_dim)` and `query/bias` `(heads, key_dim)`,
        the same for key and value (and `gate`), then `attention_output/kernel`
        `(heads, value_dim, output features)` and its bias.

    Raises:
        ConfigError: num_heads or key_dim below 1; dropout outside [0, 1).
        ShapeError: query, value and key that do not fit together.

    References:
        Vaswani et al., Attention Is All You Need, 2017. Rust: src/layers/multi_head_attention.rs.

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
        inputs, masks = [query, value], [query_mask, value_mask]
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
