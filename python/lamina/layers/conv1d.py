"""The Conv1D layer."""

from __future__ import annotations

from typing import Any

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class Conv1D(Layer):
    """1-D convolution: slide small kernels along a sequence, the weighted sum at each place.

    `y[n, i, f] = activation(bias[f] + sum over a, c of x[n, i*s + a*d - p, c] * kernel[a, c, f])`,
    where s is the stride, d the dilation, p the padding before, and x is 0 outside the sequence.
    The kernel is not flipped (cross-correlation), as in Keras and PyTorch.

    Args:
        filters: Number of output channels.
        kernel_size: Steps in the window.
        strides: Steps from one window to the next.
        padding: "valid" (none), "same" (output size = ceil(input size / stride); an odd step goes
            to the end) or "causal" (as many outputs, all zeros before: none sees what comes later).
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        dilation_rate: Gap between window points; 1 means none. Not with strides above 1.
        groups: Split the channels into this many independent convolutions.
        activation: Name of an activation, or None for the plain sum.
        use_bias: Add one learned number per filter.
        kernel_initializer: How the kernel starts; see `lamina.initializers`.
        bias_initializer: How the bias starts.
        kernel_regularizer: Penalty on the kernel; see `lamina.regularizers`.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        kernel_constraint: Applied to the kernel after each step; see `lamina.constraints`.
        bias_constraint: Applied to the bias after each step.

    Input shape:  `(batch, steps, channels)`, float.
    Output shape: `(batch, new_steps, filters)`, float; with "valid" padding
        `new = (size - dilation * (kernel - 1) - 1) // stride + 1`.
    Parameters:   `kernel` `(kernel_size, channels // groups, filters)`; `bias` `(filters,)`.

    Raises:
        ConfigError: filters, kernel_size, strides, dilation_rate or groups below 1; unknown padding
            or activation; filters not divisible by groups; strides and dilation_rate both above 1.
        ShapeError: input not 2-D per sample; channels not divisible by groups; window larger than
            the input.

    References:
        Waibel et al., Phoneme Recognition Using Time-Delay Neural Networks, 1989. Causal: van den
        Oord et al., WaveNet, 2016.
        Rust: src/layers/convolution/ordinary.rs.

    Example:
        >>> x = np.zeros((4, 10, 128), np.float32)
        >>> Conv1D(32, 3, activation="relu").compute_output_shape(x.shape)
        (4, 8, 32)
    """

    filters: int
    kernel_size: int | tuple[int]
    strides: int | tuple[int] = 1
    padding: str = "valid"
    data_format: str | None = None
    dilation_rate: int | tuple[int] = 1
    groups: int = 1
    activation: Any = None
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = None
    kernel_constraint: Any = None
    bias_constraint: Any = None
