"""The LayerNormalization layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class LayerNormalization(Layer):
    """Gives each sample mean 0 and variance 1 over its features, then scales and shifts them.

    `y = (x - mean) / sqrt(variance + epsilon) * gamma + beta`, mean and variance over `axis`.

    Args:
        axis: The axis or axes of the features, counted with the batch axis.
        epsilon: Added to the variance, inside the root.
        center: Add the learned shift beta.
        scale: Multiply by the learned scale gamma.
        beta_initializer: How beta starts; see `lamina.initializers`.
        gamma_initializer: How gamma starts.
        beta_regularizer: Penalty on beta; see `lamina.regularizers`.
        gamma_regularizer: Penalty on gamma.
        beta_constraint: Applied to beta after each step; see `lamina.constraints`.
        gamma_constraint: Applied to gamma after each step.

    Input shape:  `(batch, ..., features)`, float.
    Output shape: the same.
    Parameters:   `gamma` and `beta`, each of the sizes of `axis`.

    Raises:
        ConfigError: epsilon below 0; the batch axis among the axes.
        ShapeError: no such axis; a size not known.

    References:
        Ba et al., Layer Normalization, 2016. Rust: src/layers/layer_normalization.rs.

    Example:
        >>> LayerNormalization()(np.array([[1.0, 3.0]])).round(2)
        array([[-1.,  1.]], dtype=float32)
    """

    axis: int | Sequence[int] = -1
    epsilon: float = 0.001
    center: bool = True
    scale: bool = True
    beta_initializer: Any = "zeros"
    gamma_initializer: Any = "ones"
    beta_regularizer: Any = None
    gamma_regularizer: Any = None
    beta_constraint: Any = None
    gamma_constraint: Any = None
