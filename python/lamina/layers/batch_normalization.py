"""The BatchNormalization layer."""

from __future__ import annotations

from typing import Any

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class BatchNormalization(Layer):
    """Gives each channel mean 0 and variance 1 over the batch, then scales and shifts it.

    `y = (x - mean) / sqrt(variance + epsilon) * gamma + beta`. In training, mean and variance are
    the batch's own, and `moving = momentum * moving + (1 - momentum) * batch` follows them; in
    inference, and while `trainable` is False, the moving ones are taken.

    Args:
        axis: The axis of the channels, counted with the batch axis.
        momentum: Share of the moving statistics that is kept in a step.
        epsilon: Added to the variance, inside the root.
        center: Add the learned shift beta.
        scale: Multiply by the learned scale gamma.
        beta_initializer: How beta starts; see `lamina.initializers`.
        gamma_initializer: How gamma starts.
        moving_mean_initializer: How the moving mean starts.
        moving_variance_initializer: How the moving variance starts.
        beta_regularizer: Penalty on beta; see `lamina.regularizers`.
        gamma_regularizer: Penalty on gamma.
        beta_constraint: Applied to beta after each step; see `lamina.constraints`.
        gamma_constraint: Applied to gamma after each step.
        renorm: Not supported; only False.
        renorm_clipping: Not supported; only None.
        renorm_momentum: Without effect, since there is no renorm.
        synchronized: Not supported; only False.

    Input shape:  `(batch, ..., channels)`, float; masked places do not enter the statistics.
    Output shape: the same.
    Parameters:   `gamma`, `beta`, `moving_mean`, `moving_variance`, each `(channels,)`.

    Raises:
        ConfigError: momentum outside [0, 1]; epsilon below 0; renorm or synchronized.
        ShapeError: no such axis; the number of channels not known.

    References:
        Ioffe and Szegedy, Batch Normalization, 2015. Rust: src/layers/batch_normalization.rs.

    Example:
        >>> layer = BatchNormalization()
        >>> layer(np.array([[1.0], [3.0]]), training=True).round(2)
        array([[-1.],
               [ 1.]], dtype=float32)
    """

    axis: int = -1
    momentum: float = 0.99
    epsilon: float = 0.001
    center: bool = True
    scale: bool = True
    beta_initializer: Any = "zeros"
    gamma_initializer: Any = "ones"
    moving_mean_initializer: Any = "zeros"
    moving_variance_initializer: Any = "ones"
    beta_regularizer: Any = None
    gamma_regularizer: Any = None
    beta_constraint: Any = None
    gamma_constraint: Any = None
    renorm: bool = False
    renorm_clipping: None = None
    renorm_momentum: float = 0.99
    synchronized: bool = False
