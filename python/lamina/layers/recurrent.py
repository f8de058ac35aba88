"""What SimpleRNN, LSTM and GRU share: how they are called, and their states."""

from __future__ import annotations

from typing import Any

from lamina import _tree
from lamina.layers.base import Layer
from lamina.layers.calling import Arrangement
from lamina.layers.variable import Variable


class Recurrent(Layer):
    """A layer that walks along the time axis and carries states from step to step."""

    _python_only = ("unroll", "use_cudnn")

    def __call__(self, sequences: Any, initial_state: Any = None, **kwargs: Any) -> Any:
        """Call the layer on a sequence.

        Args:
            sequences: `(batch, time, features)`, symbolic or an array.
            initial_state: The states to start from, each `(batch, units)`; None means zeros, or
                where the last batch ended if the layer is stateful.
            **kwargs: `training` and `mask`, as for every layer. Beside an `initial_state`, a mask
                that came along with the sequence is not used, as in Keras; `mask=` is.
        """
        if initial_state is not None:
            kwargs["initial_state"] = initial_state
        return super().__call__(sequences, **kwargs)

    def _arrange(
        self, sequences: Any, *, initial_state: Any = None, mask: Any = None
    ) -> Arrangement:
        states = [] if initial_state is None else _tree.flatten(initial_state)
        return Arrangement(
            inputs=[sequences, *states],
            masks=[] if mask is None else [mask, *(None for _ in states)],
            options={"num_states": len(states), "ignores_mask": mask is None} if states else {},
        )

    @property
    def weights(self) -> list[Variable]:
        """Kernel, recurrent kernel and bias, in Keras's order; kept states are no weights."""
        return [weight for weight in self._engine_weights() if not _is_state(weight)]

    @property
    def states(self) -> list[Variable]:
        """The states a stateful layer keeps between batches; empty before it is built."""
        return [weight for weight in self._engine_weights() if _is_state(weight)]

    def reset_state(self) -> None:
        """Let a stateful layer start from zeros again."""
        self._engine.reset_state()

    def reset_states(self) -> None:
        """The same as `reset_state`."""
        self.reset_state()


def _is_state(weight: Variable) -> bool:
    return weight.name.startswith("state")
