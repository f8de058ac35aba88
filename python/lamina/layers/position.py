"""SinePositionEncoding and RotaryEmbedding: where a step of a sequence stands."""

from __future__ import annotations

from typing import Any

from lamina.layers.base import Layer
from lamina.layers.calling import Arrangement
from lamina.layers.declare import layer


class _Position(Layer):
    def _arrange(  # type: ignore[override]
        self, inputs: Any, *, start_index: int = 0
    ) -> Arrangement:
        return Arrangement([inputs], options={"start_index": int(start_index)})


@layer
class SinePositionEncoding(_Position):
    """Sines and cosines of the positions, as large as the input, to be added to it.

    `y[p, i] = sin(p / max_wavelength**(i / features))` for even i, and the cosine of the feature
    before for odd i.

    Args:
        max_wavelength: The longest wave, in steps over 2 pi.

    Call arguments:
        inputs: `(batch, ..., time, features)`; only its shape counts.
        start_index: The position of the first step.

    Output shape: that of the input.

    Raises:
        ConfigError: a max_wavelength not above 0.
        ShapeError: fewer than three axes, or an unknown number of features.

    References:
        Vaswani et al., Attention Is All You Need, 2017. Rust: src/layers/position.rs.

    Example:
        >>> x = Input((10, 16))
        >>> (x + SinePositionEncoding()(x)).shape
        (None, 10, 16)
    """

    max_wavelength: float = 10000


@layer
class RotaryEmbedding(_Position):
    """Turns pairs of features by an angle that grows with the position.

    The product of two vectors turned so depends on the distance of their positions alone; it is
    meant for the queries and keys of an attention.

    Args:
        max_wavelength: The longest wave, in steps over 2 pi.
        scaling_factor: Positions are divided by it.
        sequence_axis: The axis of the positions.
        feature_axis: The axis of the features, which must be the last; feature i is paired with
            feature `i + features / 2`.

    Call arguments:
        inputs: `(batch, time, ..., features)`.
        start_index: The position of the first step.

    Output shape: that of the input.

    Raises:
        ConfigError: a max_wavelength or scaling_factor not above 0; another feature_axis.
        ShapeError: an odd number of features.

    References:
        Su et al., RoFormer: Enhanced Transformer with Rotary Position Embedding, 2021.
        Rust: src/layers/position.rs.

    Example:
        >>> RotaryEmbedding()(np.ones((2, 10, 4, 8))).shape
        (2, 10, 4, 8)
    """

    max_wavelength: float = 10000
    scaling_factor: float = 1.0
    sequence_axis: int = 1
    feature_axis: int = -1
