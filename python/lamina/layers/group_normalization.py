"""The GroupNormalization layer."""

from __future__ import annotations

from typing import Any

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class GroupNormalization(Layer):
    """Gives each group of channels of each sample mean 0 and variance 1, then scales and shifts.

    `y = (x - mean) / sqrt(variance + epsilon) * gamma + beta`, with mean and variance over all
    places of a sample and the channels of a group: the batch has no part in it.

    Args:
        groups: Groups of neighbouring channels; 1 takes all together, -1 each by itself (instance
            normalization).
        axis: The axis of the channels, counted with the batch axis.
        epsilon: Added to the variance, inside the root.
        center: Add the learned shift beta.
        scale: Multiply by the learned scale gamma.
        beta_initializer: How beta starts; see `lamina.initializers`.
        gamma_initializer: How gamma starts.
        beta_regularizer: Penalty on beta; see `lamina.regularizers`.
        gamma_regularizer: Penalty on gamma.
        beta_constraint: Applied to beta after each step; see `lamina.constraints`.
        gamma_constraint: Applied to gamma after each step.

    Input shape:  `(batch, ..., channels)`, float; a mask is handed on.
    Output shape: the same.
    Parameters:   `gamma`, `beta`, each `(channels,)`.

    Raises:
        ConfigError: groups below 1 and not -1; epsilon below 0.
        ShapeError: no such axis; groups that do not divide the channels; their number not known.

    References:
        Wu and He, Group Normalization, 2018. Ulyanov et al., Instance Normalization, 2016.
        Rust: src/layers/group_normalization.rs, src/kernels/group_norm.rs.

    Example:
        >>> GroupNormalization(2, epsilon=0)(np.array([[1.0, 3.0, -10.0, 10.0]]))
        array([[-1.,  1., -1.,  1.]], dtype=float32)
    """

    groups: int = 32
    axis: int = -1
    epsilon: float = 0.001
    center: bool = True
    scale: bool = True
    beta_initializer: Any = "zeros"
    gamma_initializer: Any = "ones"
    beta_regularizer: Any = None
    gamma_regularizer: Any = None
    beta_constraint: Any = None
    gamma_constraint: Any = None
