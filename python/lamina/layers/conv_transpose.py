"""Conv1DTranspose, Conv2DTranspose and Conv3DTranspose."""

from __future__ import annotations

from typing import Any

from lamina.layers.base import Layer
from lamina.layers.declare import layer


@layer
class Conv1DTranspose(Layer):
    """1-D transposed convolution: each place adds the kernel times its numbers to the output.

    It is the gradient of a convolution by its input, used as a layer to make a sequence larger,
    with the input as the output of `Conv1D(channels, kernel_size, strides, padding)`,
    whose kernel it shares. Also called deconvolution.

    Args:
        filters: Number of output channels.
        kernel_size: Steps in the window.
        strides: Steps of the output from one place of the input to the next.
        padding: "valid" (output size = (size - 1) * stride + max(window, stride)) or "same" (output
            size = size * stride), where window = dilation * (kernel - 1) + 1.
        output_padding: Places added behind, below the strides: output size =
            (size - 1) * stride + window - 2 * pad + output_padding, where pad is 0 for "valid" and
            window // 2 for "same". None takes the sizes above.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        dilation_rate: Gap between kernel points; 1 means none. Not with strides above 1.
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
    Output shape: `(batch, new_steps, filters)`, float.
    Parameters:   `kernel` `(kernel_size, filters, channels)`; `bias` `(filters,)`.

    Raises:
        ConfigError: filters, kernel_size, strides or dilation_rate below 1; output_padding not
            below the strides; unknown padding, data_format or activation; strides and
            dilation_rate both above 1.
        ShapeError: input not 2-D per sample; no place in the output.

    References:
        Zeiler et al., Deconvolutional Networks, 2010. Dumoulin and Visin, A guide to convolution
        arithmetic for deep learning, 2016. Rust: src/layers/convolution/transposed.rs.

    Example:
        >>> Conv1DTranspose(8, 3, strides=2)(np.zeros((4, 10, 12), np.float32)).shape
        (4, 21, 8)
    """

    filters: int
    kernel_size: int | tuple[int]
    strides: int | tuple[int] = 1
    padding: str = "valid"
    output_padding: int | tuple[int] | None = None
    data_format: str | None = None
    dilation_rate: int | tuple[int] = 1
    activation: Any = None
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = None
    kernel_constraint: Any = None
    bias_constraint: Any = None


@layer
class Conv2DTranspose(Layer):
    """2-D transposed convolution: each place adds the kernel times its numbers to the output.

    It is the gradient of a convolution by its input, used as a layer to make an image larger,
    with the input as the output of `Conv2D(channels, kernel_size, strides, padding)`,
    whose kernel it shares. Also called deconvolution.

    Args:
        filters: Number of output channels.
        kernel_size: Height and width of the window; one int means a square.
        strides: Step of the output in height and width.
        padding: "valid" (output size = (size - 1) * stride + max(window, stride)) or "same" (output
            size = size * stride), where window = dilation * (kernel - 1) + 1.
        output_padding: Places added behind, below the strides: output size =
            (size - 1) * stride + window - 2 * pad + output_padding, where pad is 0 for "valid" and
            window // 2 for "same". None takes the sizes above.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        dilation_rate: Gap between kernel points; 1 means none. Not with strides above 1.
        activation: Name of an activation, or None for the plain sum.
        use_bias: Add one learned number per filter.
        kernel_initializer: How the kernel starts; see `lamina.initializers`.
        bias_initializer: How the bias starts.
        kernel_regularizer: Penalty on the kernel; see `lamina.regularizers`.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        kernel_constraint: Applied to the kernel after each step; see `lamina.constraints`.
        bias_constraint: Applied to the bias after each step.

    Input shape:  `(batch, height, width, channels)`, float.
    Output shape: `(batch, new_height, new_width, filters)`, float.
    Parameters:   `kernel` `(kh, kw, filters, channels)`; `bias` `(filters,)`.

    Raises:
        ConfigError: filters, kernel_size, strides or dilation_rate below 1; output_padding not
            below the strides; unknown padding, data_format or activation; strides and
            dilation_rate both above 1.
        ShapeError: input not 3-D per sample; no place in the output.

    References:
        Zeiler et al., Deconvolutional Networks, 2010. Dumoulin and Visin, A guide to convolution
        arithmetic for deep learning, 2016. Rust: src/layers/convolution/transposed.rs.

    Example:
        >>> x = np.zeros((4, 10, 8, 12), np.float32)
        >>> Conv2DTranspose(8, 3, strides=2, padding="same")(x).shape
        (4, 20, 16, 8)
    """

    filters: int
    kernel_size: int | tuple[int, int]
    strides: int | tuple[int, int] = (1, 1)
    padding: str = "valid"
    output_padding: int | tuple[int, int] | None = None
    data_format: str | None = None
    dilation_rate: int | tuple[int, int] = (1, 1)
    activation: Any = None
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = None
    kernel_constraint: Any = None
    bias_constraint: Any = None


@layer
class Conv3DTranspose(Layer):
    """3-D transposed convolution: each place adds the kernel times its numbers to the output.

    It is the gradient of a convolution by its input, used as a layer to make a volume larger,
    with the input as the output of `Conv3D(channels, kernel_size, strides, padding)`,
    whose kernel it shares. Also called deconvolution.

    Args:
        filters: Number of output channels.
        kernel_size: Depth, height and width of the window; one int means a cube.
        strides: Step of the output in depth, height and width.
        padding: "valid" (output size = (size - 1) * stride + max(window, stride)) or "same" (output
            size = size * stride), where window = dilation * (kernel - 1) + 1.
        output_padding: Places added behind, below the strides: output size =
            (size - 1) * stride + window - 2 * pad + output_padding, where pad is 0 for "valid" and
            window // 2 for "same". None takes the sizes above.
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        dilation_rate: Gap between kernel points; 1 means none. Not with strides above 1.
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
    Output shape: `(batch, new_depth, new_height, new_width, filters)`, float.
    Parameters:   `kernel` `(kd, kh, kw, filters, channels)`; `bias` `(filters,)`.

    Raises:
        ConfigError: filters, kernel_size, strides or dilation_rate below 1; output_padding not
            below the strides; unknown padding, data_format or activation; strides and
            dilation_rate both above 1.
        ShapeError: input not 4-D per sample; no place in the output.

    References:
        Zeiler et al., Deconvolutional Networks, 2010. Dumoulin and Visin, A guide to convolution
        arithmetic for deep learning, 2016. Rust: src/layers/convolution/transposed.rs.

    Example:
        >>> Conv3DTranspose(8, 2, strides=2)(np.zeros((1, 3, 4, 5, 2), np.float32)).shape
        (1, 6, 8, 10, 8)
    """

    filters: int
    kernel_size: int | tuple[int, int, int]
    strides: int | tuple[int, int, int] = (1, 1, 1)
    padding: str = "valid"
    data_format: str | None = None
    output_padding: int | tuple[int, int, int] | None = None
    dilation_rate: int | tuple[int, int, int] = (1, 1, 1)
    activation: Any = None
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = None
    kernel_constraint: Any = None
    bias_constraint: Any = None
