"""The GroupQueryAttention layer."""

from __future__ import annotations

from typing import Any

from lamina.errors import ConfigError
from lamina.layers.base import Layer
from lamina.layers.calling import Arrangement
from lamina.layers.declare import layer
from lamina.layers.einsum_dense import EinsumDense
from lamina.layers.merging import Multiply


@layer
class GroupedAttention(Layer):
    """The inside of GroupQueryAttention: attention of what is projected already.

    Args:
        dropout: Share of the attention scores dropped in training.
        sliding_window: A place sees only places less than this far away; None means all.
        seed: Seed of the dropout; None takes the model's.

    Input shape:  queries `(batch, target, heads, dim)`, keys and values
        `(batch, source, groups, dim)`.
    Output shape: that of the queries.

    References:
        Rust: src/layers/grouped_attention.rs.

    Example:
        >>> queries, keys = np.zeros((2, 5, 4, 8)), np.zeros((2, 7, 2, 8))
        >>> GroupedAttention()(queries, keys, keys).shape
        (2, 5, 4, 8)
    """

    dropout: float = 0.0
    sliding_window: int | None = None
    seed: int | None = None

    def _arrange(  # type: ignore[override]
        self,
        query: Any,
        key: Any,
        value: Any,
        masks: Any = (None, None, None),
        attention_mask: Any = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Arrangement:
        inputs, given = [query, key, value], [*masks]
        if attention_mask is not None:
            inputs.append(attention_mask)
            given.append(None)
        options = {
            "use_causal_mask": bool(use_causal_mask),
            "return_attention_scores": bool(return_attention_scores),
            "has_attention_mask": attention_mask is not None,
        }
        return Arrangement(inputs, given, options)


@layer
class GroupQueryAttention(Layer):
    """Multi-head attention in which groups of query heads share the heads of key and value.

    With as many heads of key and value as of the query it is multi-head attention, with one it is
    multi-query attention. Masks work as in `MultiHeadAttention`.

    Args:
        head_dim: Size of query, key and value in a head.
        num_query_heads: Number of heads of the query.
        num_key_value_heads: Number of heads of key and value; divides num_query_heads.
        dropout: Share of the attention scores dropped in training.
        use_bias: Add learned numbers in the projections.
        sliding_window: A place sees only places less than this far away; None means all.
        flash_attention: Without effect on the numbers; the engine chooses its own way.
        kernel_initializer: How the kernels start; see `lamina.initializers`.
        bias_initializer: How the biases start.
        kernel_regularizer: Penalty on the kernels; see `lamina.regularizers`.
        bias_regularizer: Penalty on the biases.
        activity_regularizer: Penalty on the projections and the output.
        kernel_constraint: Applied to the kernels after each step; see `lamina.constraints`.
        bias_constraint: Applied to the biases after each step.
        use_gate: Multiply what the heads give by `sigmoid` of another projection of the query.
        seed: Seed of the dropout; None takes the model's.

    Call arguments:
        query: `(batch, target, features)`.
        value: `(batch, source, features)`.
        key: `(batch, source, features)`; None means the value.
        query_mask, value_mask, key_mask: `(batch, places)`, true keeps; by default the masks that
            came with the tensors.
        attention_mask: `(batch, target, source)` or `(batch, heads, target, source)`, true lets a
            place be seen.
        return_attention_scores: Give the scores as well.
        use_causal_mask: No place sees a later one.

    Output shape: that of the query; with return_attention_scores a tuple with the scores
        `(batch, num_query_heads, target, source)` behind it.
    Parameters:   `kernel` and `bias` of query, key, gate (with use_gate), value and output.

    Raises:
        ConfigError: num_query_heads that are no multiple of num_key_value_heads; dropout outside
            [0, 1]; a sliding_window below 1.
        ShapeError: query, value, key and attention_mask that do not fit together.

    References:
        Ainslie et al., GQA: Training Generalized Multi-Query Transformer Models from Multi-Head
        Checkpoints, 2023. Rust: src/layers/grouped_attention.rs.

    Example:
        >>> x = np.zeros((2, 5, 16), np.float32)
        >>> GroupQueryAttention(8, num_query_heads=4, num_key_value_heads=2)(x, x).shape
        (2, 5, 16)
    """

    head_dim: int
    num_query_heads: int
    num_key_value_heads: int
    dropout: float = 0.0
    use_bias: bool = True
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

    def _compose(self) -> None:
        heads, groups = self.num_query_heads, self.num_key_value_heads
        if groups < 1 or heads < 1 or heads % groups:
            raise ConfigError(
                f"{self._title()}: expected num_query_heads to be a multiple of "
                f"num_key_value_heads, got {heads} and {groups}"
            )
        query = ("bqm,muh->bquh", (None, heads, self.head_dim), "uh")
        pair = ("bkm,mvh->bkvh", (None, groups, self.head_dim), "vh")
        self._query_dense = self._projection("query", *query)
        self._key_dense = self._projection("key", *pair)
        if self.use_gate:
            self._gate_dense = self._projection("gate", *query, activation="sigmoid")
            self._gated = Multiply(name=f"{self.name}_gated", dtype=self.dtype)
        self._value_dense = self._projection("value", *pair)
        self._attend = GroupedAttention(
            self.dropout,
            self.sliding_window,
            self.seed,
            name=f"{self.name}_attend",
            dtype=self.dtype,
        )
        self.__dict__["_output_dense"] = None  # made when the features of the query are known

    def __call__(self, query: Any, value: Any, key: Any = None, **kwargs: Any) -> Any:
        """Add a call to a model under construction, or run on arrays at once."""
        tensors = (query, value) if key is None else (query, value, key)
        return super().__call__(*tensors, **kwargs)

    def call(
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
    ) -> Any:
        """Project, attend, project back."""
        if self.__dict__["_output_dense"] is None:
            features = (None, query.shape[-1])
            self._output_dense = self._projection("output", "bquh,uhm->bqm", features, "m")
        projected = self._query_dense(query)
        keys = self._key_dense(value if key is None else key)
        made = self._attend(
            projected,
            keys,
            self._value_dense(value),
            masks=(query_mask, key_mask, value_mask),
            attention_mask=attention_mask,
            return_attention_scores=return_attention_scores,
            use_causal_mask=use_causal_mask,
        )
        context, *scores = made if return_attention_scores else (made,)
        if self.use_gate:
            context = self._gated([context, self._gate_dense(query)])
        output = self._output_dense(context)
        return (output, *scores) if scores else output

    def _projection(
        self, what: str, equation: str, shape: Any, bias: str, activation: Any = None
    ) -> EinsumDense:
        common: dict[str, Any] = {
            "activity_regularizer": self.activity_regularizer,
            "name": f"{self.name}_{what}",
            "dtype": self.dtype,
        }
        return EinsumDense(
            equation,
            shape,
            activation,
            bias if self.use_bias else None,
            self.kernel_initializer,
            self.bias_initializer,
            self.kernel_regularizer,
            self.bias_regularizer,
            self.kernel_constraint,
            self.bias_constraint,
            **common,
        )
