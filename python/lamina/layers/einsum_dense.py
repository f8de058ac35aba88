"""The EinsumDense layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class EinsumDense(Layer):
    """A dense layer along any axes: `y = activation(einsum(equation, x, kernel) + bias)`.

    Args:
        equation: Names of the axes of input, kernel and output, as in "abc,cd->abd": an axis that
            the output has not is summed over. Three dots before or behind the letters of input and
            output stand for any axes, as in "...x,xy->...y".
        output_shape: Sizes of the output but for the batch and the dots; None where the size is
            that of the input.
        activation: Name of the activation; None is linear.
        bias_axes: The axes of the output that have a bias, as in "d"; None means no bias.
        kernel_initializer: How the kernel starts; see `lamina.initializers`.
        bias_initializer: How the bias starts.
        kernel_regularizer: Penalty on the kernel; see `lamina.regularizers`.
        bias_regularizer: Penalty on the bias.
        kernel_constraint: Applied to the kernel after each step; see `lamina.constraints`.
        bias_constraint: Applied to the bias after each step.
        lora_rank: Not supported; only None.
        lora_alpha: Not supported; only None.
        gptq_unpacked_column_size: Not supported; only None.
        quantization_config: Not supported; only None.

    Input shape:  as the equation says, float.
    Output shape: as the equation says.
    Parameters:   `kernel` as the equation says; `bias`, with 1 for axes it does not have, aligned
        with the last axes of the output.

    Raises:
        ConfigError: an equation that says nothing or names an axis twice in one part; bias_axes
            that the output does not have; an output_shape of another length.
        ShapeError: an input that does not fit the equation.

    References:
        Rust: src/layers/einsum_dense/mod.rs.

    Example:
        >>> EinsumDense("abc,cd->abd", output_shape=(None, 64), bias_axes="d")(
        ...     np.zeros((2, 5, 16))
        ... ).shape
        (2, 5, 64)
    """

    equation: str
    output_shape: int | Sequence[int | None]
    activation: Any = None
    bias_axes: str | None = None
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None
    kernel_constraint: Any = None
    bias_constraint: Any = None
    lora_rank: None = None
    lora_alpha: None = None
    gptq_unpacked_column_size: None = None
    quantization_config: None = None
