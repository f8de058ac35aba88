"""The Embedding layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class Embedding(Layer):
    """Replaces each id by a learned vector: `y[..., :] = embeddings[x[...], :]`.

    Args:
        input_dim: Number of ids; they run from 0 to `input_dim - 1`.
        output_dim: Length of a vector.
        embeddings_initializer: How the table starts; see `lamina.initializers`.
        embeddings_regularizer: Penalty on the table; see `lamina.regularizers`.
        embeddings_constraint: Applied to the table after each step; see `lamina.constraints`.
        mask_zero: Id 0 is padding: layers after this one skip those places.
        weights: The table to start from, or a list with it.
        lora_rank: Not supported; only None.
        lora_alpha: Not supported; only None.
        quantization_config: Not supported; only None.

    Input shape:  `(batch, ...)`, numbers of any type; fractions are cut off.
    Output shape: `(batch, ..., output_dim)`, float.
    Parameters:   `embeddings` `(input_dim, output_dim)`.

    Raises:
        ConfigError: input_dim or output_dim below 1; an input_dim whose ids the dtype cannot hold
            exactly (above 2**24 for float32).
        DataError: an id below 0 or not below input_dim.

    References:
        Rust: src/layers/embedding.rs.

    Example:
        >>> Embedding(1000, 64)(np.array([[4, 20, 7]])).shape
        (1, 3, 64)
    """

    input_dim: int
    output_dim: int
    embeddings_initializer: Any = "uniform"
    embeddings_regularizer: Any = None
    embeddings_constraint: Any = None
    mask_zero: bool = False
    weights: Sequence[Any] | None = None  # type: ignore[assignment]
    lora_rank: None = None
    lora_alpha: None = None
    quantization_config: None = None
