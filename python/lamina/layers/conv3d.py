"""The Conv3D layer."""

from __future__ import annotations

from typing import Any

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class Conv3D(Layer):
    """3-D convolution: slide small kernels through a volume, the weighted sum at each place.

    `y[n, h, i, j, f] = activation(bias[f] + sum over e, a, b, c of
    x[n, h*s0 + e*d0 - p0, i*s1 + a*d1 - p1, j*s2 + b*d2 - p2, c] * kernel[e, a, b, c, f])`,
    where s are the strides, d the dilation, p the padding before, and x is 0 outside the volume.
    The kernel is not flipped (cross-correlation), as in Keras and PyTorch.

    Args:
        filters: Number of output channels.
        kernel_size: Depth, height and width of the window; one int means a cube.
        strides: Step in depth, height and width.
        padding: "valid" (none) or "same" (output size = ceil(input size / stride); an odd place
            goes to the end).
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

    Input shape:  `(batch, depth, height, width, channels)`, float.
    Output shape: `(batch, new_depth, new_height, new_width, filters)`, float; with "valid" padding
        `new = (size - dilation * (kernel - 1) - 1) // stride + 1`.
    Parameters:   `kernel` `(kd, kh, kw, channels // groups, filters)`; `bias` `(filters,)`.

    Raises:
        ConfigError: filters, kernel_size, strides, dilation_rate or groups below 1; unknown padding
            or activation; filters not divisible by groups; strides and dilation_rate both above 1.
        ShapeError: input not 4-D per sample; channels not divisible by groups; window larger than
            the input.

    References:
        Ji et al., 3D Convolutional Neural Networks for Human Action Recognition, 2013.
        Rust: src/layers/convolution/ordinary.rs, src/kernels/conv/volume.rs.

    Example:
        >>> x = np.zeros((4, 8, 10, 10, 16), np.float32)
        >>> Conv3D(32, 3, activation="relu").compute_output_shape(x.shape)
        (4, 6, 8, 8, 32)
    """

    filters: int
    kernel_size: int | tuple[int, int, int]
    strides: int | tuple[int, int, int] = (1, 1, 1)
    padding: str = "valid"
    data_format: str | None = None
    dilation_rate: int | tuple[int, int, int] = (1, 1, 1)
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
