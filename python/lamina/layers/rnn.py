"""The RNN layer: cells over whole sequences."""

from __future__ import annotations

from typing import Any

from lamina.layers.base import Layer
from lamina.layers.cells import Cell, StackedRNNCells, cell_of
from lamina.layers.declare import deserialize, is_layer_config, layer
from lamina.layers.recurrent import over_stack
from lamina.layers.reverse import Reverse


@layer
class RNN(Layer):
    """Runs a cell, or several one behind the other, over whole sequences.

    `RNN(LSTMCell(units))` is `LSTM(units)` with the same speed; the cell keeps the weights, so it
    can also be called by itself, step by step.

    Args:
        cell: SimpleRNNCell, LSTMCell or GRUCell, a list of them, or StackedRNNCells.
        return_sequences: Give the output of every time step, not of the last alone.
        return_state: Give the last states of all cells as well.
        go_backwards: Walk from the last step to the first; the outputs stay in that order.
        stateful: Start each batch where the one before it ended; needs a fixed batch size.
        unroll: Without effect on the numbers or the speed.
        zero_output_for_mask: Give 0 at masked steps, instead of repeating the step before.

    Call arguments:
        sequences: `(batch, time, features)`.
        initial_state: The states to start from, in the order of the cells; None means zeros, or
            where the last batch ended if the layer is stateful.
        mask: `(batch, time)`, false skips a step.

    Output shape: `(batch, units)`, or `(batch, time, units)` with return_sequences; with
        return_state a tuple with the states behind it, those of a stacked LSTMCell as a list.
    Parameters:   those of the cells.

    Raises:
        ConfigError: something else than those cells; a stateful layer around a cell that was
            called before.
        ShapeError: input not 2-D per sample; states of another shape.

    References:
        Rust: src/layers/recurrent.rs.

    Example:
        >>> RNN([GRUCell(4), GRUCell(3)], return_sequences=True)(np.zeros((32, 10, 8))).shape
        (32, 10, 3)
    """

    cell: Any
    return_sequences: bool = False
    return_state: bool = False
    go_backwards: bool = False
    stateful: bool = False
    unroll: bool = False
    zero_output_for_mask: bool = False

    def _compose(self) -> None:
        cell = self._values["cell"]
        if is_layer_config(cell):
            cell = deserialize(cell)
        if isinstance(cell, list | tuple):
            cell = StackedRNNCells(cell, name=f"{self.name}_cells", dtype=self.dtype)
        if not isinstance(cell, StackedRNNCells):
            cell = cell_of(cell, self._title())
        self.__dict__["cell"] = self._values["cell"] = cell
        if self.stateful:
            for one in self._cells():
                one._keep_states(stateful=True)
        self._reverse = Reverse(name=f"{self.name}_reverse", dtype=self.dtype)

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None) -> Any:
        """Each cell's layer over the sequence that the one before gives."""
        cells = self._cells()
        layers = [
            (
                cell._sequence,
                {
                    "return_sequences": self.return_sequences or cell is not cells[-1],
                    "return_state": self.return_state,
                    "go_backwards": self.go_backwards,
                    "zero_output_for_mask": self.zero_output_for_mask and cell is cells[-1],
                },
            )
            for cell in cells
        ]
        backwards = self._reverse if self.go_backwards else None
        output, states = over_stack(layers, sequences, initial_state, mask, backwards)
        if not self.return_state:
            return output
        if not isinstance(self.cell, StackedRNNCells):
            return (output, *states[0])
        return (output, *(own if len(own) > 1 else own[0] for own in states))

    @property
    def states(self) -> list[Any]:
        """The states a stateful layer keeps between batches; empty before it is built."""
        return [state for cell in self._cells() for state in cell._sequence.states]

    def reset_state(self) -> None:
        """Let a stateful layer start from zeros again."""
        for cell in self._cells():
            cell._sequence.reset_state()

    def reset_states(self) -> None:
        """The same as `reset_state`."""
        self.reset_state()

    def _cells(self) -> list[Cell]:
        cell = self.cell
        return list(cell.cells) if isinstance(cell, StackedRNNCells) else [cell]
