"""The Dense layer."""

from __future__ import annotations

from typing import Any

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class Dense(Layer):
    """Each output is a weighted sum of all inputs: `activation(x @ kernel + bias)`.

    Args:
        units: Number of outputs.
        activation: Name of an activation, or None for the plain sum.
        use_bias: Add one learned number per unit.
        kernel_initializer: How the kernel starts; see `lamina.initializers`.
        bias_initializer: How the bias starts.
        kernel_regularizer: Penalty on the kernel; see `lamina.regularizers`.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        kernel_constraint: Applied to the kernel after each step; see `lamina.constraints`.
        bias_constraint: Applied to the bias after each step.
        lora_rank: Not supported; only None.
        lora_alpha: Not supported; only None.
        quantization_config: Not supported; only None.

    Input shape:  `(batch, ..., features)`, float; the layer acts on the last axis.
    Output shape: `(batch, ..., units)`, float.
    Parameters:   `kernel` `(features, units)`; `bias` `(units,)`.

    Raises:
        ConfigError: units below 1; unknown activation, initializer, regularizer or constraint.
        ShapeError: no axis but the batch; another number of features than the kernel was built for.

    References:
        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
        networks, 2010 (the default initializer). Rust: src/layers/dense.rs.

    Example:
        >>> x = np.zeros((32, 784), np.float32)
        >>> Dense(10, activation="softmax")(x).shape
        (32, 10)
    """

    units: int
    activation: Any = None
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = None
    kernel_constraint: Any = None
    bias_constraint: Any = None
    lora_rank: None = None
    lora_alpha: None = None
    quantization_config: None = None
