"""DepthwiseConv1D and DepthwiseConv2D."""

from __future__ import annotations

from typing import Any

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class DepthwiseConv1D(Layer):
    """1-D convolution of each channel by itself, `depth_multiplier` filters for each.

    `y[n, i, c*m + k] = activation(bias[c*m + k] + sum over a of
    x[n, i*s + a*d - p, c] * kernel[a, c, k])`,
    where m is the multiplier, s are the strides, d the dilation, p the padding before.

    Args:
        kernel_size: Steps in the window.
        strides: Steps from one window to the next.
        padding: "valid" (none) or "same" (output size = ceil(input size / stride); an odd step
            goes to the end).
        depth_multiplier: Filters for each channel.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        dilation_rate: Gap between window points; 1 means none.
        activation: Name of an activation, or None for the plain sum.
        use_bias: Add one learned number per filter.
        depthwise_initializer: How the kernel starts; see `lamina.initializers`.
        bias_initializer: How the bias starts.
        depthwise_regularizer: Penalty on the kernel; see `lamina.regularizers`.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        depthwise_constraint: Applied to the kernel after each step; see `lamina.constraints`.
        bias_constraint: Applied to the bias after each step.

    Input shape:  `(batch, steps, channels)`, float.
    Output shape: `(batch, new_steps, channels * depth_multiplier)`; with "valid" padding
        `new = (size - dilation * (kernel - 1) - 1) // stride + 1`.
    Parameters:   `kernel` `(kernel_size, channels, depth_multiplier)`;
        `bias` `(channels * depth_multiplier,)`.

    Raises:
        ConfigError: kernel_size, strides, dilation_rate or depth_multiplier below 1; unknown
            padding, data_format or activation.
        ShapeError: input not 2-D per sample; window larger than the input.

    References:
        Howard et al., MobileNets, 2017.
        Rust: src/layers/convolution/depthwise.rs, src/kernels/conv/depthwise.

    Example:
        >>> DepthwiseConv1D(3, depth_multiplier=2)(np.zeros((4, 10, 12), np.float32)).shape
        (4, 8, 24)
    """

    kernel_size: int | tuple[int]
    strides: int | tuple[int] = 1
    padding: str = "valid"
    depth_multiplier: int = 1
    data_format: str | None = None
    dilation_rate: int | tuple[int] = 1
    activation: Any = None
    use_bias: bool = True
    depthwise_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    depthwise_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = None
    depthwise_constraint: Any = None
    bias_constraint: Any = None


@layer
class DepthwiseConv2D(Layer):
    """2-D convolution of each channel by itself, `depth_multiplier` filters for each.

    `y[n, i, j, c*m + k] = activation(bias[c*m + k] + sum over a, b of
    x[n, i*s0 + a*d0 - p0, j*s1 + b*d1 - p1, c] * kernel[a, b, c, k])`,
    where m is the multiplier, s are the strides, d the dilation, p the padding before.

    Args:
        kernel_size: Height and width of the window; one int means a square.
        strides: Step in height and width.
        padding: "valid" (none) or "same" (output size = ceil(input size / stride); an odd pixel
            goes to the end).
        depth_multiplier: Filters for each channel.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        dilation_rate: Gap between window points; 1 means none.
        activation: Name of an activation, or None for the plain sum.
        use_bias: Add one learned number per filter.
        depthwise_initializer: How the kernel starts; see `lamina.initializers`.
        bias_initializer: How the bias starts.
        depthwise_regularizer: Penalty on the kernel; see `lamina.regularizers`.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        depthwise_constraint: Applied to the kernel after each step; see `lamina.constraints`.
        bias_constraint: Applied to the bias after each step.

    Input shape:  `(batch, height, width, channels)`, float.
    Output shape: `(batch, new_height, new_width, channels * depth_multiplier)`; with "valid" it is
        `new = (size - dilation * (kernel - 1) - 1) // stride + 1`.
    Parameters:   `kernel` `(kh, kw, channels, depth_multiplier)`;
        `bias` `(channels * depth_multiplier,)`.

    Raises:
        ConfigError: kernel_size, strides, dilation_rate or depth_multiplier below 1; unknown
            padding, data_format or activation.
        ShapeError: input not 3-D per sample; window larger than the input.

    References:
        Howard et al., MobileNets, 2017.
        Rust: src/layers/convolution/depthwise.rs, src/kernels/conv/depthwise.

    Example:
        >>> DepthwiseConv2D(3, padding="same")(np.zeros((4, 10, 10, 12), np.float32)).shape
        (4, 10, 10, 12)
    """

    kernel_size: int | tuple[int, int]
    strides: int | tuple[int, int] = (1, 1)
    padding: str = "valid"
    depth_multiplier: int = 1
    data_format: str | None = None
    dilation_rate: int | tuple[int, int] = (1, 1)
    activation: Any = None
    use_bias: bool = True
    depthwise_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    depthwise_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = None
    depthwise_constraint: Any = None
    bias_constraint: Any = None
