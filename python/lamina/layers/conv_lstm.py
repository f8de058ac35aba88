"""ConvLSTM1D, ConvLSTM2D and ConvLSTM3D."""

from __future__ import annotations

from typing import Any

from lamina.layers.declare import layer, option
from lamina.layers.recurrent import Recurrent


@layer
class ConvLSTM1D(Recurrent):
    """LSTM over sequences of lines, whose products with the weights are convolutions.

    With `*` a convolution and `z = x[t] * kernel + h[t-1] * recurrent_kernel + bias` cut into the
    gates i, f, c, o: `c[t] = sigmoid(z_f) c[t-1] + sigmoid(z_i) tanh(z_c)` and
    `h[t] = sigmoid(z_o) tanh(c[t])`; `activation` stands in for tanh, `recurrent_activation` for
    sigmoid. Strides, padding and dilation are those of the inputs' convolution; the states' keeps
    their size.

    Args:
        filters: Number of output channels, and of the channels of each state.
        kernel_size: Places in the window.
        strides: Step from window to window.
        padding: "valid" (none) or "same" (output size = ceil(input size / stride); an odd place
            goes to the end).
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        dilation_rate: Gap between window points; 1 means none. Not with strides above 1.
        activation: Name of the activation of cell and output.
        recurrent_activation: Name of the activation of the gates.
        use_bias: Add one learned number per filter and gate.
        kernel_initializer: How the kernel starts; see `lamina.initializers`.
        recurrent_initializer: How the recurrent kernel starts.
        bias_initializer: How the bias starts.
        unit_forget_bias: Start the forget gate's bias at 1.
        kernel_regularizer: Penalty on the kernel; see `lamina.regularizers`.
        recurrent_regularizer: Penalty on the recurrent kernel.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        kernel_constraint: Applied to the kernel after each step; see `lamina.constraints`.
        recurrent_constraint: Applied to the recurrent kernel after each step.
        bias_constraint: Applied to the bias after each step.
        dropout: Share of the inputs dropped in training, the same at each time step.
        recurrent_dropout: Share of the state dropped in training, the same at each time step.
        seed: Seed of the dropout; None takes the model's.
        return_sequences: Give the output of every time step, not of the last alone.
        return_state: Give the last states h and c as well.
        go_backwards: Walk from the last step to the first; the outputs stay in that order.
        stateful: Start each batch where the one before it ended; needs fixed sizes of all axes but
            the time. The kept `states` have their channels last.
        unroll: Without effect on the numbers or the speed.
        zero_output_for_mask: Give 0 at masked steps, instead of repeating the step before.

    Input shape:  `(batch, time, steps, channels)`, float; a mask `(batch, time)` skips
        steps.
    Output shape: `(batch, new_steps, filters)`, or with return_sequences
        `(batch, time, new_steps, filters)`; with return_state a tuple with the states
        h and c, each `(batch, new_steps, filters)`, behind it. With "valid" padding
        `new = (size - dilation * (kernel - 1) - 1) // stride + 1`.
    Parameters:   `kernel` `(kernel_size, channels, 4 * filters)`; `recurrent_kernel`
        `(kernel_size, filters, 4 * filters)`; `bias` `(4 * filters,)`; gates in the order i, f, c,
        o.

    Raises:
        ConfigError: filters, kernel_size, strides or dilation_rate below 1; unknown padding or
            activation; strides and dilation_rate both above 1; a dropout outside [0, 1).
        ShapeError: input not 3-D per sample; window larger than the input; states of another
            shape.

    References:
        Shi et al., Convolutional LSTM Network: A Machine Learning Approach for Precipitation
        Nowcasting, 2015; without its peepholes, as in Keras.
        Rust: src/layers/convolution/lstm/mod.rs.

    Example:
        >>> x = np.zeros((4, 5, 10, 3), np.float32)
        >>> ConvLSTM1D(8, 3, padding="same", return_sequences=True)(x).shape
        (4, 5, 10, 8)
    """

    _num_states = 2

    filters: int
    kernel_size: int | tuple[int]
    strides: int | tuple[int] = 1
    padding: str = "valid"
    data_format: str | None = None
    dilation_rate: int | tuple[int] = 1
    activation: Any = "tanh"
    recurrent_activation: Any = "sigmoid"
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    recurrent_initializer: Any = "orthogonal"
    bias_initializer: Any = "zeros"
    unit_forget_bias: bool = True
    kernel_regularizer: Any = None
    recurrent_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = None
    kernel_constraint: Any = None
    recurrent_constraint: Any = None
    bias_constraint: Any = None
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    seed: int | None = None
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = option(default=False, kw_only=True)
    zero_output_for_mask: bool = option(default=False, kw_only=True)


@layer
class ConvLSTM2D(Recurrent):
    """LSTM over sequences of images, whose products with the weights are convolutions.

    With `*` a convolution and `z = x[t] * kernel + h[t-1] * recurrent_kernel + bias` cut into the
    gates i, f, c, o: `c[t] = sigmoid(z_f) c[t-1] + sigmoid(z_i) tanh(z_c)` and
    `h[t] = sigmoid(z_o) tanh(c[t])`; `activation` stands in for tanh, `recurrent_activation` for
    sigmoid. Strides, padding and dilation are those of the inputs' convolution; the states' keeps
    their size.

    Args:
        filters: Number of output channels, and of the channels of each state.
        kernel_size: Height and width of the window; one int means a square.
        strides: Step in height and width.
        padding: "valid" (none) or "same" (output size = ceil(input size / stride); an odd pixel
            goes to the end).
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        dilation_rate: Gap between window points; 1 means none. Not with strides above 1.
        activation: Name of the activation of cell and output.
        recurrent_activation: Name of the activation of the gates.
        use_bias: Add one learned number per filter and gate.
        kernel_initializer: How the kernel starts; see `lamina.initializers`.
        recurrent_initializer: How the recurrent kernel starts.
        bias_initializer: How the bias starts.
        unit_forget_bias: Start the forget gate's bias at 1.
        kernel_regularizer: Penalty on the kernel; see `lamina.regularizers`.
        recurrent_regularizer: Penalty on the recurrent kernel.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        kernel_constraint: Applied to the kernel after each step; see `lamina.constraints`.
        recurrent_constraint: Applied to the recurrent kernel after each step.
        bias_constraint: Applied to the bias after each step.
        dropout: Share of the inputs dropped in training, the same at each time step.
        recurrent_dropout: Share of the state dropped in training, the same at each time step.
        seed: Seed of the dropout; None takes the model's.
        return_sequences: Give the output of every time step, not of the last alone.
        return_state: Give the last states h and c as well.
        go_backwards: Walk from the last step to the first; the outputs stay in that order.
        stateful: Start each batch where the one before it ended; needs fixed sizes of all axes but
            the time. The kept `states` have their channels last.
        unroll: Without effect on the numbers or the speed.
        zero_output_for_mask: Give 0 at masked steps, instead of repeating the step before.

    Input shape:  `(batch, time, height, width, channels)`, float; a mask `(batch, time)` skips
        steps.
    Output shape: `(batch, new_height, new_width, filters)`, or with return_sequences
        `(batch, time, new_height, new_width, filters)`; with return_state a tuple with the states
        h and c, each `(batch, new_height, new_width, filters)`, behind it. With "valid" padding
        `new = (size - dilation * (kernel - 1) - 1) // stride + 1`.
    Parameters:   `kernel` `(kh, kw, channels, 4 * filters)`; `recurrent_kernel`
        `(kh, kw, filters, 4 * filters)`; `bias` `(4 * filters,)`; gates in the order i, f, c, o.

    Raises:
        ConfigError: filters, kernel_size, strides or dilation_rate below 1; unknown padding or
            activation; strides and dilation_rate both above 1; a dropout outside [0, 1).
        ShapeError: input not 4-D per sample; window larger than the input; states of another
            shape.

    References:
        Shi et al., Convolutional LSTM Network: A Machine Learning Approach for Precipitation
        Nowcasting, 2015; without its peepholes, as in Keras.
        Rust: src/layers/convolution/lstm/mod.rs.

    Example:
        >>> x = np.zeros((4, 5, 10, 12, 3), np.float32)
        >>> ConvLSTM2D(8, 3, padding="same", return_sequences=True)(x).shape
        (4, 5, 10, 12, 8)
    """

    _num_states = 2

    filters: int
    kernel_size: int | tuple[int, int]
    strides: int | tuple[int, int] = 1
    padding: str = "valid"
    data_format: str | None = None
    dilation_rate: int | tuple[int, int] = 1
    activation: Any = "tanh"
    recurrent_activation: Any = "sigmoid"
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    recurrent_initializer: Any = "orthogonal"
    bias_initializer: Any = "zeros"
    unit_forget_bias: bool = True
    kernel_regularizer: Any = None
    recurrent_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = None
    kernel_constraint: Any = None
    recurrent_constraint: Any = None
    bias_constraint: Any = None
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    seed: int | None = None
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = option(default=False, kw_only=True)
    zero_output_for_mask: bool = option(default=False, kw_only=True)


@layer
class ConvLSTM3D(Recurrent):
    """LSTM over sequences of volumes, whose products with the weights are convolutions.

    With `*` a convolution and `z = x[t] * kernel + h[t-1] * recurrent_kernel + bias` cut into the
    gates i, f, c, o: `c[t] = sigmoid(z_f) c[t-1] + sigmoid(z_i) tanh(z_c)` and
    `h[t] = sigmoid(z_o) tanh(c[t])`; `activation` stands in for tanh, `recurrent_activation` for
    sigmoid. Strides, padding and dilation are those of the inputs' convolution; the states' keeps
    their size.

    Args:
        filters: Number of output channels, and of the channels of each state.
        kernel_size: Depth, height and width of the window; one int means a cube.
        strides: Step in depth, height and width.
        padding: "valid" (none) or "same" (output size = ceil(input size / stride); an odd place
            goes to the end).
        data_format: "channels_last", "channels_first", or None for
            `lamina.config.image_data_format()`.
        dilation_rate: Gap between window points; 1 means none. Not with strides above 1.
        activation: Name of the activation of cell and output.
        recurrent_activation: Name of the activation of the gates.
        use_bias: Add one learned number per filter and gate.
        kernel_initializer: How the kernel starts; see `lamina.initializers`.
        recurrent_initializer: How the recurrent kernel starts.
        bias_initializer: How the bias starts.
        unit_forget_bias: Start the forget gate's bias at 1.
        kernel_regularizer: Penalty on the kernel; see `lamina.regularizers`.
        recurrent_regularizer: Penalty on the recurrent kernel.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        kernel_constraint: Applied to the kernel after each step; see `lamina.constraints`.
        recurrent_constraint: Applied to the recurrent kernel after each step.
        bias_constraint: Applied to the bias after each step.
        dropout: Share of the inputs dropped in training, the same at each time step.
        recurrent_dropout: Share of the state dropped in training, the same at each time step.
        seed: Seed of the dropout; None takes the model's.
        return_sequences: Give the output of every time step, not of the last alone.
        return_state: Give the last states h and c as well.
        go_backwards: Walk from the last step to the first; the outputs stay in that order.
        stateful: Start each batch where the one before it ended; needs fixed sizes of all axes but
            the time. The kept `states` have their channels last.
        unroll: Without effect on the numbers or the speed.
        zero_output_for_mask: Give 0 at masked steps, instead of repeating the step before.

    Input shape:  `(batch, time, depth, height, width, channels)`, float; a mask `(batch, time)`
        skips steps.
    Output shape: `(batch, new_depth, new_height, new_width, filters)`, or with return_sequences
        `(batch, time, new_depth, new_height, new_width, filters)`; with return_state a tuple with
        the states h and c behind it, shaped as the output of one step. With "valid" padding
        `new = (size - dilation * (kernel - 1) - 1) // stride + 1`.
    Parameters:   `kernel` `(kd, kh, kw, channels, 4 * filters)`; `recurrent_kernel`
        `(kd, kh, kw, filters, 4 * filters)`; `bias` `(4 * filters,)`; gates in the order i, f, c,
        o.

    Raises:
        ConfigError: filters, kernel_size, strides or dilation_rate below 1; unknown padding or
            activation; strides and dilation_rate both above 1; a dropout outside [0, 1).
        ShapeError: input not 5-D per sample; window larger than the input; states of another
            shape.

    References:
        Shi et al., Convolutional LSTM Network: A Machine Learning Approach for Precipitation
        Nowcasting, 2015; without its peepholes, as in Keras.
        Rust: src/layers/convolution/lstm/mod.rs.

    Example:
        >>> x = np.zeros((2, 5, 4, 6, 6, 3), np.float32)
        >>> ConvLSTM3D(8, 3, padding="same", return_sequences=True)(x).shape
        (2, 5, 4, 6, 6, 8)
    """

    _num_states = 2

    filters: int
    kernel_size: int | tuple[int, int, int]
    strides: int | tuple[int, int, int] = 1
    padding: str = "valid"
    data_format: str | None = None
    dilation_rate: int | tuple[int, int, int] = 1
    activation: Any = "tanh"
    recurrent_activation: Any = "sigmoid"
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    recurrent_initializer: Any = "orthogonal"
    bias_initializer: Any = "zeros"
    unit_forget_bias: bool = True
    kernel_regularizer: Any = None
    recurrent_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = None
    kernel_constraint: Any = None
    recurrent_constraint: Any = None
    bias_constraint: Any = None
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    seed: int | None = None
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = option(default=False, kw_only=True)
    zero_output_for_mask: bool = option(default=False, kw_only=True)
