"""SeparableConv1D and SeparableConv2D."""

from __future__ import annotations

from typing import Any

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class SeparableConv1D(Layer):
    """1-D convolution of each channel by itself, then a mix of all channels at each place.

    `y = activation(depthwise(x) @ pointwise_kernel + bias)`, where `depthwise` is that of
    `DepthwiseConv1D` without bias: far fewer multiplications than `Conv1D` takes.

    Args:
        filters: Number of output channels.
        kernel_size: Steps in the window.
        strides: Steps from one window to the next.
        padding: "valid" (none) or "same" (output size = ceil(input size / stride); an odd step
            goes to the end).
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        dilation_rate: Gap between window points; 1 means none. Not with strides above 1.
        depth_multiplier: Filters for each channel in the first part.
        activation: Name of an activation, or None for the plain sum.
        use_bias: Add one learned number per filter.
        depthwise_initializer: How the depthwise kernel starts; see `lamina.initializers`.
        pointwise_initializer: How the pointwise kernel starts.
        bias_initializer: How the bias starts.
        depthwise_regularizer: Penalty on the depthwise kernel; see `lamina.regularizers`.
        pointwise_regularizer: Penalty on the pointwise kernel.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        depthwise_constraint: Applied to the depthwise kernel after each step; see
            `lamina.constraints`.
        pointwise_constraint: Applied to the pointwise kernel after each step.
        bias_constraint: Applied to the bias after each step.

    Input shape:  `(batch, steps, channels)`, float.
    Output shape: `(batch, new_steps, filters)`, float; with "valid" padding
        `new = (size - dilation * (kernel - 1) - 1) // stride + 1`.
    Parameters:   `depthwise_kernel` `(kernel_size, channels, depth_multiplier)`;
        `pointwise_kernel` `(1, channels * depth_multiplier, filters)`; `bias` `(filters,)`.

    Raises:
        ConfigError: filters, kernel_size, strides, dilation_rate or depth_multiplier below 1;
            unknown padding, data_format or activation; strides and dilation_rate both above 1.
        ShapeError: input not 2-D per sample; window larger than the input.

    References:
        Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, 2017.
        Rust: src/layers/convolution/separable.rs.

    Example:
        >>> SeparableConv1D(32, 3, activation="relu")(np.zeros((4, 10, 12), np.float32)).shape
        (4, 8, 32)
    """

    filters: int
    kernel_size: int | tuple[int]
    strides: int | tuple[int] = 1
    padding: str = "valid"
    data_format: str | None = None
    dilation_rate: int | tuple[int] = 1
    depth_multiplier: int = 1
    activation: Any = None
    use_bias: bool = True
    depthwise_initializer: Any = "glorot_uniform"
    pointwise_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    depthwise_regularizer: Any = None
    pointwise_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = None
    depthwise_constraint: Any = None
    pointwise_constraint: Any = None
    bias_constraint: Any = None


@layer
class SeparableConv2D(Layer):
    """2-D convolution of each channel by itself, then a mix of all channels at each place.

    `y = activation(depthwise(x) @ pointwise_kernel + bias)`, where `depthwise` is that of
    `DepthwiseConv2D` without bias: far fewer multiplications than `Conv2D` takes.

    Args:
        filters: Number of output channels.
        kernel_size: Height and width of the window; one int means a square.
        strides: Step in height and width.
        padding: "valid" (none) or "same" (output size = ceil(input size / stride); an odd pixel
            goes to the end).
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        dilation_rate: Gap between window points; 1 means none. Not with strides above 1.
        depth_multiplier: Filters for each channel in the first part.
        activation: Name of an activation, or None for the plain sum.
        use_bias: Add one learned number per filter.
        depthwise_initializer: How the depthwise kernel starts; see `lamina.initializers`.
        pointwise_initializer: How the pointwise kernel starts.
        bias_initializer: How the bias starts.
        depthwise_regularizer: Penalty on the depthwise kernel; see `lamina.regularizers`.
        pointwise_regularizer: Penalty on the pointwise kernel.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        depthwise_constraint: Applied to the depthwise kernel after each step; see
            `lamina.constraints`.
        pointwise_constraint: Applied to the pointwise kernel after each step.
        bias_constraint: Applied to the bias after each step.

    Input shape:  `(batch, height, width, channels)`, float.
    Output shape: `(batch, new_height, new_width, filters)`, float; with "valid" padding
        `new = (size - dilation * (kernel - 1) - 1) // stride + 1`.
    Parameters:   `depthwise_kernel` `(kh, kw, channels, depth_multiplier)`;
        `pointwise_kernel` `(1, 1, channels * depth_multiplier, filters)`; `bias` `(filters,)`.

    Raises:
        ConfigError: filters, kernel_size, strides, dilation_rate or depth_multiplier below 1;
            unknown padding, data_format or activation; strides and dilation_rate both above 1.
        ShapeError: input not 3-D per sample; window larger than the input.

    References:
        Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, 2017.
        Rust: src/layers/convolution/separable.rs.

    Example:
        >>> SeparableConv2D(32, 3, padding="same")(np.zeros((4, 10, 10, 12), np.float32)).shape
        (4, 10, 10, 32)
    """

    filters: int
    kernel_size: int | tuple[int, int]
    strides: int | tuple[int, int] = (1, 1)
    padding: str = "valid"
    data_format: str | None = None
    dilation_rate: int | tuple[int, int] = (1, 1)
    depth_multiplier: int = 1
    activation: Any = None
    use_bias: bool = True
    depthwise_initializer: Any = "glorot_uniform"
    pointwise_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    depthwise_regularizer: Any = None
    pointwise_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = None
    depthwise_constraint: Any = None
    pointwise_constraint: Any = None
    bias_constraint: Any = None
