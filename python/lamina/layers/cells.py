"""SimpleRNNCell, LSTMCell, GRUCell and StackedRNNCells: one step of a recurrent layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from lamina import _tree
from lamina._arrays import Array
from lamina.errors import ConfigError
from lamina.layers.base import Layer
from lamina.layers.declare import deserialize, is_layer_config, layer
from lamina.layers.gru import GRU
from lamina.layers.lstm import LSTM
from lamina.layers.recurrent import Recurrent
from lamina.layers.reshape import Reshape
from lamina.layers.simple_rnn import SimpleRNN


class Cell(Layer):
    """One step of a recurrent layer.

    It holds the layer that `RNN` runs over whole sequences; called by itself it is a sequence of
    one step.
    """

    _sequence_class: ClassVar[type[Recurrent]]
    _sequence: Recurrent
    units: int

    def _compose(self) -> None:
        self._keep_states(stateful=False)
        self._as_sequence = Reshape((1, -1), name=f"{self.name}_step", dtype=self.dtype)

    def _keep_states(self, *, stateful: bool) -> None:
        """Make the layer over sequences, whose states a stateful one keeps between batches."""
        if "_sequence" in self.__dict__ and self._sequence.built:
            raise ConfigError(
                f"{self._title()}: expected a cell that was not called before, as a stateful RNN "
                "keeps its states. Make a new cell"
            )
        settings = {**self._values, "stateful": stateful, "dtype": self.dtype}
        self._sequence = self._sequence_class(**{**settings, "name": f"{self.name}_sequence"})

    def __call__(self, inputs: Any, states: Any, **kwargs: Any) -> Any:
        """One step.

        Args:
            inputs: `(batch, features)`, symbolic or an array.
            states: A list of the states, each `(batch, units)`.
            **kwargs: `training`, as for every layer.

        Returns:
            The output, and the list of the states after the step.
        """
        return super().__call__(inputs, states, **kwargs)

    def call(self, inputs: Any, states: Any) -> Any:
        """A sequence of one step from the states."""
        options = {"return_state": True}
        sequence = self._as_sequence(inputs)
        output, *after = self._sequence(sequence, _tree.flatten(states), call_options=options)
        return output, after

    def __getattr__(self, name: str) -> Any:
        """The weights by their names, as in Keras: `cell.kernel`."""
        if name in ("kernel", "recurrent_kernel", "bias") and "_sequence" in self.__dict__:
            return getattr(self._sequence, name)
        return super().__getattr__(name)

    @property
    def _num_states(self) -> int:
        return self._sequence_class._num_states

    @property
    def state_size(self) -> int | list[int]:
        """The size of the state, or of each of several."""
        return self.units if self._num_states == 1 else [self.units] * self._num_states

    @property
    def output_size(self) -> int:
        """The size of the output."""
        return self.units

    def get_initial_state(self, batch_size: int) -> list[Array]:
        """Zeros for each state."""
        return [np.zeros((batch_size, self.units), self.dtype) for _ in range(self._num_states)]


@layer
class SimpleRNNCell(Cell):
    """One step of `SimpleRNN`: `h = activation(x @ kernel + h @ recurrent_kernel + bias)`.

    Args:
        units: Number of outputs, and size of the state.
        activation: Name of the activation.
        use_bias: Add one learned number per unit.
        kernel_initializer: How the kernel starts; see `lamina.initializers`.
        recurrent_initializer: How the recurrent kernel starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: Penalty on the kernel; see `lamina.regularizers`.
        recurrent_regularizer: Penalty on the recurrent kernel.
        bias_regularizer: Penalty on the bias.
        kernel_constraint: Applied to the kernel after each step; see `lamina.constraints`.
        recurrent_constraint: Applied to the recurrent kernel after each step.
        bias_constraint: Applied to the bias after each step.
        dropout: Share of the inputs dropped in training.
        recurrent_dropout: Share of the state dropped in training.
        seed: Seed of the dropout; None takes the model's.

    Call arguments: inputs `(batch, features)` and states, a list of one `(batch, units)`.

    Output shape: a tuple of `(batch, units)` and the list of the state after the step.
    Parameters:   those of `SimpleRNN`.

    Raises:
        ConfigError: units below 1; a dropout outside [0, 1); unknown activation.
        ShapeError: inputs or states of another shape.

    References:
        Elman, Finding Structure in Time, 1990. Rust: src/layers/simple_rnn.rs.

    Example:
        >>> output, states = SimpleRNNCell(4)(np.zeros((32, 8)), [np.zeros((32, 4))])
        >>> output.shape
        (32, 4)
    """

    _sequence_class = SimpleRNN

    units: int
    activation: Any = "tanh"
    use_bias: bool = True
    kernel_initializer: Any = "glorot_uniform"
    recurrent_initializer: Any = "orthogonal"
    bias_initializer: Any = "zeros"
    kernel_regularizer: Any = None
    recurrent_regularizer: Any = None
    bias_regularizer: Any = None
    kernel_constraint: Any = None
    recurrent_constraint: Any = None
    bias_constraint: Any = None
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    seed: int | None = None


@layer
class LSTMCell(Cell):
    """One step of `LSTM`.

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
        kernel_constraint: Applied to the kernel after each step; see `lamina.constraints`.
        recurrent_constraint: Applied to the recurrent kernel after each step.
        bias_constraint: Applied to the bias after each step.
        dropout: Share of the inputs dropped in training.
        recurrent_dropout: Share of the state dropped in training.
        seed: Seed of the dropout; None takes the model's.

    Call arguments: inputs `(batch, features)` and states, a list of h and c, `(batch, units)` each.

    Output shape: a tuple of `(batch, units)` and the list of h and c after the step.
    Parameters:   those of `LSTM`.

    Raises:
        ConfigError: units below 1; a dropout outside [0, 1); unknown activation.
        ShapeError: inputs or states of another shape.

    References:
        Hochreiter and Schmidhuber, Long Short-Term Memory, 1997. Rust: src/layers/lstm.rs.

    Example:
        >>> cell = LSTMCell(4)
        >>> output, (h, c) = cell(np.zeros((32, 8)), cell.get_initial_state(32))
        >>> output.shape, c.shape
        ((32, 4), (32, 4))
    """

    _sequence_class = LSTM

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
    kernel_constraint: Any = None
    recurrent_constraint: Any = None
    bias_constraint: Any = None
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    seed: int | None = None


@layer
class GRUCell(Cell):
    """One step of `GRU`.

    Args:
        units: Number of outputs, and size of the state.
        activation: Name of the activation of the new state.
        recurrent_activation: Name of the activation of the gates.
        use_bias: Add learned numbers per unit and gate.
        kernel_initializer: How the kernel starts; see `lamina.initializers`.
        recurrent_initializer: How the recurrent kernel starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: Penalty on the kernel; see `lamina.regularizers`.
        recurrent_regularizer: Penalty on the recurrent kernel.
        bias_regularizer: Penalty on the bias.
        kernel_constraint: Applied to the kernel after each step; see `lamina.constraints`.
        recurrent_constraint: Applied to the recurrent kernel after each step.
        bias_constraint: Applied to the bias after each step.
        dropout: Share of the inputs dropped in training.
        recurrent_dropout: Share of the state dropped in training.
        reset_after: Apply the reset gate after the product with the recurrent kernel.
        seed: Seed of the dropout; None takes the model's.

    Call arguments: inputs `(batch, features)` and states, a list of one `(batch, units)`.

    Output shape: a tuple of `(batch, units)` and the list of the state after the step.
    Parameters:   those of `GRU`.

    Raises:
        ConfigError: units below 1; a dropout outside [0, 1); unknown activation.
        ShapeError: inputs or states of another shape.

    References:
        Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, 2014.
        Rust: src/layers/gru.rs.

    Example:
        >>> output, states = GRUCell(4)(np.zeros((32, 8)), [np.zeros((32, 4))])
        >>> output.shape
        (32, 4)
    """

    _sequence_class = GRU

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
    kernel_constraint: Any = None
    recurrent_constraint: Any = None
    bias_constraint: Any = None
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    reset_after: bool = True
    seed: int | None = None


@layer
class StackedRNNCells(Layer):
    """Cells one behind the other: the output of each is the input of the next.

    Args:
        cells: A list of cells.

    Call arguments: inputs `(batch, features)` and states, a list of the states of each cell.

    Output shape: a tuple of the output of the last cell and the list of all states.
    Parameters:   those of the cells, in their order.

    Raises:
        ConfigError: no cells, or something else than SimpleRNNCell, LSTMCell and GRUCell.

    Example:
        >>> RNN(StackedRNNCells([LSTMCell(4), GRUCell(3)]))(np.zeros((32, 10, 8))).shape
        (32, 3)
    """

    cells: Sequence[Any]

    def _compose(self) -> None:
        given = self._values["cells"]
        if not isinstance(given, list | tuple) or not given:
            raise ConfigError(f"{self._title()}: expected a list of cells, got {given!r:.60}")
        cells = [cell_of(value, self._title()) for value in given]
        self.__dict__["cells"] = self._values["cells"] = cells

    def __call__(self, inputs: Any, states: Any, **kwargs: Any) -> Any:
        """One step; as in a cell, with the states of each cell in one list."""
        return super().__call__(inputs, states, **kwargs)

    def call(self, inputs: Any, states: Any) -> Any:
        """Each cell on the output of the one before."""
        rest, after = _tree.flatten(states), []
        for cell in self.cells:
            own, rest = rest[: cell._num_states], rest[cell._num_states :]
            inputs, new = cell(inputs, own)
            after.append(new if cell._num_states > 1 else new[0])
        return inputs, after

    @property
    def state_size(self) -> list[Any]:
        """Those of the cells."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        """That of the last cell."""
        return int(self.cells[-1].output_size)

    def get_initial_state(self, batch_size: int) -> list[list[Array]]:
        """Zeros for each state of each cell."""
        return [cell.get_initial_state(batch_size) for cell in self.cells]


def cell_of(value: Any, where: str) -> Cell:
    """The cell, perhaps from its configuration."""
    made = deserialize(value) if is_layer_config(value) else value
    if not isinstance(made, Cell):
        raise ConfigError(
            f"{where}: expected SimpleRNNCell, LSTMCell or GRUCell, got {value!r:.60}. "
            "Steps written in Python cannot run inside the engine"
        )
    return made
