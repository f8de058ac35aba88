"""What the recurrent layers share: how they are called, their states, and how they are stacked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from lamina import _tree
from lamina.errors import ConfigError
from lamina.layers.base import Layer
from lamina.layers.calling import Arrangement
from lamina.layers.reverse import Reverse
from lamina.layers.variable import Variable


class Recurrent(Layer):
    """A layer that walks along the time axis and carries states from step to step."""

    _python_only: ClassVar[tuple[str, ...]] = ("unroll",)
    _num_states: ClassVar[int] = 1
    return_state: bool
    return_sequences: bool
    go_backwards: bool
    stateful: bool

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
        self,
        sequences: Any,
        *,
        initial_state: Any = None,
        mask: Any = None,
        call_options: Any = None,
    ) -> Arrangement:
        states = [] if initial_state is None else _tree.flatten(initial_state)
        options = {"num_states": len(states), "ignores_mask": mask is None} if states else {}
        return Arrangement(
            inputs=[sequences, *states],
            masks=[] if mask is None else [mask, *(None for _ in states)],
            options=options | (call_options or {}),
        )

    @property
    def weights(self) -> list[Variable]:
        """Kernel, recurrent kernel and bias, in Keras's order; kept states are no weights."""
        if self._core is None:  # a stack has those of its layers
            return super().weights
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


class StackedRecurrent(Recurrent):
    """A recurrent layer that is a stack of such layers with `num_layers` above 1."""

    _python_only = (*Recurrent._python_only, "use_cudnn", "num_layers")
    num_layers: int

    def _set_fields(self, values: dict[str, Any]) -> None:
        count = values["num_layers"]
        if not isinstance(count, int) or count < 1:
            raise ConfigError(
                f"{type(self).__name__}: expected num_layers of at least 1, got {count!r}"
            )
        super()._set_fields(values)

    def _is_composite(self) -> bool:
        return self.num_layers > 1

    def _compose(self) -> None:
        """The layers of a stack, each on the outputs of the one before."""
        self._reverse = Reverse(name=f"{self.name}_reverse", dtype=self.dtype)
        last = {
            **self._values,
            "num_layers": 1,
            "activity_regularizer": self.activity_regularizer,
            "dtype": self.dtype,
        }
        inner = {
            **last,
            "activity_regularizer": None,
            "return_sequences": True,
            "zero_output_for_mask": False,
        }
        settings = [inner] * (self.num_layers - 1) + [last]
        self._stack = [
            type(self)(**{**own, "name": f"{self.name}_{number}"})
            for number, own in enumerate(settings, start=1)
        ]

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None) -> Any:
        """The stack over the sequences; a single layer is the engine's."""
        layers: list[tuple[Recurrent, dict[str, Any]]] = [(one, {}) for one in self._stack]
        backwards = self._reverse if self.go_backwards else None
        output, states = over_stack(layers, sequences, initial_state, mask, backwards)
        behind = [state for of_one in states for state in of_one]
        return (output, *behind) if behind else output

    @property
    def states(self) -> list[Variable]:
        """The states that stateful layers keep between batches; empty before they are built."""
        if self._core is None:
            return [state for one in self._stack for state in one.states]
        return super().states

    def reset_state(self) -> None:
        """Let stateful layers start from zeros again."""
        if self._core is None:
            for one in self._stack:
                one.reset_state()
        else:
            super().reset_state()


def _is_state(weight: Variable) -> bool:
    return weight.name.startswith("state")


def over_stack(
    layers: Sequence[tuple[Recurrent, dict[str, Any]]],
    sequences: Any,
    initial_state: Any,
    mask: Any,
    backwards: Reverse | None,
) -> tuple[Any, list[list[Any]]]:
    """Layers with their options, each on the outputs of the one before.

    A layer that goes backwards gives its outputs in its own order; before the next one, which goes
    backwards as well, `backwards` turns them round.

    Returns:
        What the last layer gives, and the states of each layer if it returns them.
    """
    rest = [] if initial_state is None else _tree.flatten(initial_state)
    wanted = sum(one._num_states for one, _ in layers)
    if rest and len(rest) != wanted:
        raise ConfigError(
            f"{layers[0][0]._title()}: expected {wanted} initial states for {len(layers)} layers, "
            f"got {len(rest)}. Give them in the order of the layers"
        )
    found = []
    for index, (one, options) in enumerate(layers):
        own, rest = rest[: one._num_states], rest[one._num_states :]
        made = one(sequences, own or None, mask=mask, call_options=options)
        sequences, *states = made if isinstance(made, tuple) else (made,)
        found.append(states)
        if backwards is not None and index + 1 < len(layers):
            sequences = backwards(sequences)
    return sequences, found
