"""The LSTM layer."""

from __future__ import annotations

from typing import Any

from lamina.layers.declare import layer, option
from lamina.layers.recurrent import StackedRecurrent


@layer
class LSTM(StackedRecurrent):
    """Long short-term memory: a recurrent layer whose gates decide what to keep over many steps.

    With `z = x[t] @ kernel + h[t-1] @ recurrent_kernel + bias` cut into the gates i, f, c, o:
    `c[t] = sigmoid(z_f) * c[t-1] + sigmoid(z_i) * tanh(z_c)` and
    `h[t] = sigmoid(z_o) * tanh(c[t])`; `activation` stands in for tanh, `recurrent_activation` for
    sigmoid.

    Args:
        units: Number of outputs, and size of each state.
        activation: Name of the activation of cell and output.
        recurrent_activation: Name of the activation of the gates.
        use_bias: Add one learned number per unit and gate.
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
        stateful: Start each batch where the one before it ended; needs a fixed batch size.
        unroll: Without effect on the numbers or the speed.
        use_cudnn: Without effect; there is no GPU.
        zero_output_for_mask: Give 0 at masked steps, instead of repeating the step before.
        num_layers: How many such layers, each on the outputs of the one before; `dropout` then
            drops inputs of each, and states are given and returned for one layer after the other.

    Input shape:  `(batch, time, features)`, float; a mask `(batch, time)` skips steps.
    Output shape: `(batch, units)`, or `(batch, time, units)` with return_sequences; with
        return_state a tuple with the states h and c, each `(batch, units)`, behind it.
    Parameters:   `kernel` `(features, 4 * units)`; `recurrent_kernel` `(units, 4 * units)`;
        `bias` `(4 * units,)`; gates in the order i, f, c, o.

    Raises:
        ConfigError: units below 1; a dropout outside [0, 1); unknown activation.
        ShapeError: input not 2-D per sample; states of another shape.

    References:
        Hochreiter and Schmidhuber, Long Short-Term Memory, 1997. Forget bias: Jozefowicz et al., An
        Empirical Exploration of Recurrent Network Architectures, 2015. Rust: src/layers/lstm.rs.

    Example:
        >>> output, h, c = LSTM(4, return_state=True)(np.zeros((32, 10, 8), np.float32))
        >>> output.shape, h.shape, c.shape
        ((32, 4), (32, 4), (32, 4))
    """

    _num_states = 2

    units: int
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
    unroll: bool = False
    use_cudnn: str | bool = "auto"
    zero_output_for_mask: bool = option(default=False, kw_only=True)
    num_layers: int = option(default=1, kw_only=True)
