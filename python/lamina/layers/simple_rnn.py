"""The SimpleRNN layer."""

from __future__ import annotations

from typing import Any

from lamina.layers.declare import layer, option
from lamina.layers.recurrent import StackedRecurrent


@layer
class SimpleRNN(StackedRecurrent):
    """The plain recurrent layer: `h[t] = activation(x[t] @ kernel + h[t-1] @ recurrent + bias)`.

    Args:
        units: Number of outputs, and size of the state.
        activation: Name of an activation, or None for the plain sum.
        use_bias: Add one learned number per unit.
        kernel_initializer: How the kernel starts; see `lamina.initializers`.
        recurrent_initializer: How the recurrent kernel starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: Penalty on the kernel; see `lamina.regularizers`.
        recurrent_regularizer: Penalty on the recurrent kernel.
        bias_regularizer: Penalty on the bias.
        activity_regularizer: Penalty on the output.
        kernel_constraint: Applied to the kernel after each step; see `lamina.constraints`.
        recurrent_constraint: Applied to the recurrent kernel after each step.
        bias_constraint: Applied to the bias after each step.
        dropout: Share of the inputs dropped in training, the same at each time step.
        recurrent_dropout: Share of the state dropped in training, the same at each time step.
        return_sequences: Give the output of every time step, not of the last alone.
        return_state: Give the last state as well.
        go_backwards: Walk from the last step to the first; the outputs stay in that order.
        stateful: Start each batch where the one before it ended; needs a fixed batch size.
        unroll: Without effect on the numbers or the speed.
        seed: Seed of the dropout; None takes the model's.
        zero_output_for_mask: Give 0 at masked steps, instead of repeating the step before.
        num_layers: How many such layers, each on the outputs of the one before; `dropout` then
            drops inputs of each, and states are given and returned for one layer after the other.

    Input shape:  `(batch, time, features)`, float; a mask `(batch, time)` skips steps.
    Output shape: `(batch, units)`, or `(batch, time, units)` with return_sequences; with
        return_state a tuple with the state `(batch, units)` behind it.
    Parameters:   `kernel` `(features, units)`; `recurrent_kernel` `(units, units)`;
        `bias` `(units,)`.

    Raises:
        ConfigError: units below 1; a dropout outside [0, 1); unknown activation.
        ShapeError: input not 2-D per sample; states of another shape.

    References:
        Elman, Finding Structure in Time, 1990. Rust: src/layers/simple_rnn.rs.

    Example:
        >>> SimpleRNN(4)(np.zeros((32, 10, 8), np.float32)).shape
        (32, 4)
    """

    units: int
    activation: Any = "tanh"
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    recurrent_initializer: Any = "orthogonal"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    recurrent_regularizer: Any = None
    bias_regularizer: Any = None
    activity_regularizer: Any = None
    kernel_constraint: Any = None
    recurrent_constraint: Any = None
    bias_constraint: Any = None
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = False
    seed: int | None = None
    zero_output_for_mask: bool = option(default=False, kw_only=True)
    num_layers: int = option(default=1, kw_only=True)
