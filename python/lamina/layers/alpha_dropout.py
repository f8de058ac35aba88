"""The AlphaDropout layer."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class AlphaDropout(Layer):
    """In training, sets a share of the input to SELU's lowest value; mean and variance stay.

    What is dropped becomes `p = -1.758`, and all numbers become `a * x + b`, with
    `a = 1 / sqrt((1 - rate) * (1 + rate * p^2))` and `b = -a * p * rate`.

    Args:
        rate: Share that is dropped, from 0 up to but not including 1.
        noise_shape: Shape of the pattern; it is repeated along axes of size 1. None: every number
            by itself.
        seed: Seed of this layer's pattern; None takes the model's.

    Input shape:  any, float.
    Output shape: the same.

    Raises:
        ConfigError: rate outside [0, 1).
        ShapeError: an input that noise_shape does not fit.

    References:
        Klambauer et al., Self-Normalizing Neural Networks, 2017. Rust: src/layers/alpha_dropout.rs.

    Example:
        >>> AlphaDropout(0.5)(np.ones((1, 2)))
        array([[1., 1.]], dtype=float32)
    """

    rate: float
    noise_shape: Sequence[int | None] | None = None
    seed: int | None = None
