"""The ReversibleEmbedding layer."""

from __future__ import annotations

from typing import Any

from lamina.errors import ConfigError
from lamina.layers.arguments import dtype_name
from lamina.layers.base import Layer
from lamina.layers.calling import Arrangement
from lamina.layers.declare import layer


@layer
class ReversibleEmbedding(Layer):
    """An embedding that also leads back, from vectors to a number for each id.

    `layer(ids)` gives the vectors of the ids, `layer(x, reverse=True)` the logits
    `x @ embeddings^T`, with the same table: the tied output of a language model.

    Args:
        input_dim: Number of ids; they run from 0 to `input_dim - 1`.
        output_dim: Length of a vector.
        tie_weights: Take the same table for both ways; otherwise the way back has its own.
        embeddings_initializer: How the tables start; see `lamina.initializers`.
        embeddings_regularizer: Penalty on the table; see `lamina.regularizers`.
        embeddings_constraint: Applied to the table after each step; see `lamina.constraints`.
        mask_zero: Id 0 is padding: layers after this one skip those places.
        reverse_dtype: The type of the way back; None or the layer's own, the only ones there are.
        logit_soft_cap: Keep the logits within it: `cap * tanh(logits / cap)`; None does not.

    Call arguments:
        inputs: Ids `(batch, ...)`, or with reverse vectors `(batch, ..., output_dim)`.
        reverse: The way back.

    Output shape: `(batch, ..., output_dim)`, or with reverse `(batch, ..., input_dim)`.
    Parameters:   `embeddings` `(input_dim, output_dim)`; without tie_weights `reverse_embeddings`
        `(output_dim, input_dim)`.

    Raises:
        ConfigError: input_dim or output_dim below 1; a logit_soft_cap not above 0; another
            reverse_dtype.
        DataError: an id below 0 or not below input_dim.
        ShapeError: vectors of another length.

    References:
        Press and Wolf, Using the Output Embedding to Improve Language Models, 2017.
        Rust: src/layers/embedding/reverse.rs.

    Example:
        >>> layer = ReversibleEmbedding(1000, 64)
        >>> vectors = layer(np.array([[4, 20, 7]]))
        >>> layer(vectors, reverse=True).shape
        (1, 3, 1000)
    """

    input_dim: int
    output_dim: int
    tie_weights: bool = True
    embeddings_initializer: Any = "uniform"
    embeddings_regularizer: Any = None
    embeddings_constraint: Any = None
    mask_zero: bool = False
    reverse_dtype: Any = None
    logit_soft_cap: float | None = None

    _python_only = ("reverse_dtype",)

    def _set_fields(self, values: dict[str, Any]) -> None:
        given = values["reverse_dtype"]
        if given is not None and dtype_name(given) != self.dtype:
            raise ConfigError(
                f"{self._title()}: expected reverse_dtype to be None or {self.dtype!r}, got "
                f"{given!r}. Both ways compute in the layer's dtype"
            )
        super()._set_fields(values)

    def _arrange(self, inputs: Any, reverse: bool = False) -> Arrangement:  # type: ignore[override]
        return Arrangement([inputs], options={"reverse": True} if reverse else {})
