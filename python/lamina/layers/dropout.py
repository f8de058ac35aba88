"""The Dropout layer."""

from __future__ import annotations

from collections.abc import Sequence

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class Dropout(Layer):
    """In training, sets a random share of the numbers to 0 and scales the others up to make up.

    What is dropped depends on the seed, the step and the place alone, not on threads. In inference
    the input passes unchanged.

    Args:
        rate: Share that is dropped, from 0 up to but not including 1. Kept numbers are divided by
            `1 - rate`.
        noise_shape: Shape of the random pattern; 1 repeats it along that axis, None takes the size
            of the input.
        seed: Seed of this layer's pattern; None takes the model's.

    Input shape:  any, float.
    Output shape: the same.

    Raises:
        ConfigError: rate outside [0, 1).
        ShapeError: noise_shape does not fit the input.

    References:
        Srivastava et al., Dropout, 2014. Rust: src/layers/dropout.rs.

    Example:
        >>> float(Dropout(0.5)(np.ones((2, 3))).sum())
        6.0
    """

    rate: float
    noise_shape: Sequence[int | None] | None = None
    seed: int | None = None
