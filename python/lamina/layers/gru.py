"""The GRU layer."""

from __future__ import annotations

from typing import Any

from lamina.layers.declare import layer, option
from lamina.layers.recurrent import StackedRecurrent


@layer
class GRU(StackedRecurrent):
    """Gated recurrent unit: a recurrent layer with an update gate z and a reset gate r.

    `h[t] = z * h[t-1] + (1 - z) * tanh(x[t] @ W_h + b_h + r * (h[t-1] @ U_h + c_h))` with
    `z, r = sigmoid(x[t] @ W + b + h[t-1] @ U + c)`; `activation` stands in for tanh,
    `recurrent_activation` for sigmoid. With `reset_after=False` the reset gate is applied before
    the product: `(r * h[t-1]) @ U_h`, and there is one bias.

    Args:
        units: Number of outputs, and size of the state.
        activation: Name of the activation of the candidate.
        recurrent_activation: Name of the activation of the gates.
        use_bias: Add learned numbers per unit and gate.
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
        seed: Seed of the dropout; None takes the model's.
        return_sequences: Give the output of every time step, not of the last alone.
        return_state: Give the last state as well.
        go_backwards: Walk from the last step to the first; the outputs stay in that order.
        stateful: Start each batch where the one before it ended; needs a fixed batch size.
        unroll: Without effect on the numbers or the speed.
        reset_after: Apply the reset gate after the recurrent product (as cuDNN and PyTorch do).
        use_cudnn: Without effect; there is no GPU.
        zero_output_for_mask: Give 0 at masked steps, instead of repeating the step before.
        num_layers: How many such layers, each on the outputs of the one before; `dropout` then
            drops inputs of each, and states are given and returned for one layer after the other.

    Input shape:  `(batch, time, features)`, float; a mask `(batch, time)` skips steps.
    Output shape: `(batch, units)`, or `(batch, time, units)` with return_sequences; with
        return_state a tuple with the state `(batch, units)` behind it.
    Parameters:   `kernel` `(features, 3 * units)`; `recurrent_kernel` `(units, 3 * units)`;
        `bias` `(2, 3 * units)` with reset_after, else `(3 * units,)`; gates in the order z, r, h.

    Raises:
        ConfigError: units below 1; a dropout outside [0, 1); unknown activation.
        ShapeError: input not 2-D per sample; states of another shape.

    References:
        Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, 2014.
        Rust: src/layers/gru.rs.

    Example:
        >>> GRU(4, return_sequences=True)(np.zeros((32, 10, 8), np.float32)).shape
        (32, 10, 4)
    """

    units: int
    activation: Any = "tanh"
    recurrent_activation: Any = "sigmoid"
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
    seed: int | None = None
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = False
    reset_after: bool = True
    use_cudnn: str | bool = "auto"
    zero_output_for_mask: bool = option(default=False, kw_only=True)
    num_layers: int = option(default=1, kw_only=True)
