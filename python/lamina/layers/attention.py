"""Attention and AdditiveAttention: means of values, weighted by how well keys match."""

from __future__ import annotations

from typing import Any

from lamina import _tree
from lamina.errors import ConfigError
from lamina.layers.base import Layer
from lamina.layers.calling import Arrangement
from lamina.layers.declare import layer


class _Scored(Layer):
    """How both are called: on a list `[query, value]` or `[query, value, key]`."""

    def _arrange(
        self,
        inputs: Any,
        *,
        mask: Any = None,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Arrangement:
        if not isinstance(inputs, list | tuple):
            raise ConfigError(
                f"{self._title()}: expected a list of tensors, got {type(inputs).__name__}. "
                "Call it as layer([query, value]) or layer([query, value, key])"
            )
        if mask is not None and not (isinstance(mask, list | tuple) and len(mask) in (2, 3)):
            raise ConfigError(
                f"{self._title()}: expected mask to be a list [query_mask, value_mask], "
                f"got {mask!r:.60}"
            )
        masks = [] if mask is None else _tree.flatten(mask)[: len(inputs)]
        masks += [None] * (len(inputs) - len(masks)) if masks else []
        options = {
            "use_causal_mask": bool(use_causal_mask),
            "return_attention_scores": bool(return_attention_scores),
        }
        return Arrangement(list(inputs), masks, options)


@layer
class Attention(_Scored):
    """Dot-product attention (Luong's): `softmax(query @ key^T) @ value`, without projections.

    Masked values are not seen; a query that may see nothing sees all values alike. Masked queries
    give 0.

    Args:
        use_scale: Multiply the scores by one learned number.
        score_mode: "dot", or "concat" for `weight * sum(tanh(query + key))` with a learned weight.
        dropout: Share of the weights of the values dropped in training.
        seed: Seed of the dropout; None takes the model's.

    Call arguments:
        inputs: A list of query `(batch, queries, features)`, value `(batch, keys, any)` and key
            `(batch, keys, features)`; without a key the value is the key.
        mask: A list of the masks of query and value, `(batch, places)` or None each; by default
            those that came with the tensors.
        return_attention_scores: Give what the values were weighted by as well.
        use_causal_mask: No place sees a later one.

    Output shape: `(batch, queries, any)`; with return_attention_scores a tuple with the scores
        `(batch, queries, keys)` behind it.
    Parameters:   `scale` `()` with use_scale; `concat_score_weight` `()` with "concat".

    Raises:
        ConfigError: dropout outside [0, 1]; unknown score_mode; no list of tensors.
        ShapeError: query, value and key that do not fit together.

    References:
        Luong et al., Effective Approaches to Attention-based Neural Machine Translation, 2015.
        Rust: src/layers/attention/mod.rs.

    Example:
        >>> query, value = np.zeros((2, 5, 16)), np.zeros((2, 7, 16))
        >>> Attention()([query, value]).shape
        (2, 5, 16)
    """

    use_scale: bool = False
    score_mode: str = "dot"
    dropout: float = 0.0
    seed: int | None = None


@layer
class AdditiveAttention(_Scored):
    """Additive attention (Bahdanau's): scores are `sum(scale * tanh(query + key))`.

    It is called as `Attention` is, with the same masks.

    Args:
        use_scale: Multiply the features of the sum by learned numbers.
        dropout: Share of the weights of the values dropped in training.
        seed: Seed of the dropout; None takes the model's.

    Call arguments: those of `Attention`.

    Output shape: `(batch, queries, any)`; with return_attention_scores a tuple with the scores
        `(batch, queries, keys)` behind it.
    Parameters:   `scale` `(features,)` with use_scale.

    Raises:
        ConfigError: dropout outside [0, 1]; no list of tensors.
        ShapeError: query, value and key that do not fit together.

    References:
        Bahdanau et al., Neural Machine Translation by Jointly Learning to Align and Translate,
        2015. Rust: src/layers/attention/additive.rs.

    Example:
        >>> query, value = np.zeros((2, 5, 16)), np.zeros((2, 7, 16))
        >>> AdditiveAttention()([query, value]).shape
        (2, 5, 16)
    """

    use_scale: bool = True
    dropout: float = 0.0
    seed: int | None = None
