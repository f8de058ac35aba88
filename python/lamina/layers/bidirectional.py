"""The Bidirectional layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import _tree
from lamina.errors import ConfigError
from lamina.layers.base import Layer
from lamina.layers.declare import deserialize, is_layer_config, layer, serialize
from lamina.layers.merging import Add, Average, Concatenate, Multiply
from lamina.layers.recurrent import Recurrent
from lamina.layers.reverse import Reverse
from lamina.layers.rnn import RNN

MERGES = {"concat": Concatenate, "sum": Add, "mul": Multiply, "ave": Average}


@layer
class Bidirectional(Layer):
    """Runs a recurrent layer from both ends of the sequence and merges the outputs.

    The given layer is copied, with fresh weights, as `forward_layer` and `backward_layer`; the
    outputs of the second are turned round, so that both stand at their own time steps. Masked steps
    of returned sequences give 0.

    Args:
        layer: The recurrent layer to copy: SimpleRNN, LSTM, GRU, RNN or ConvLSTM1D, 2D, 3D.
        merge_mode: "concat", "sum", "mul", "ave", or None for both outputs apart.
        weights: List of arrays to start from, those of the forward layer first.
        backward_layer: The layer for the way back, instead of a copy; `go_backwards` must differ
            from that of `layer`.

    Call arguments: as those of the layer; the first half of `initial_state` goes forward.

    Input shape:  `(batch, time, features)`, float; a mask `(batch, time)` skips steps.
    Output shape: as the layer's, with twice the units for "concat"; None gives two outputs; with
        return_state the states of the forward layer, then of the backward layer, stand behind.
    Parameters:   those of the forward layer, then those of the backward layer.

    Raises:
        ConfigError: no recurrent layer; unknown merge_mode; two layers that do not go together.

    References:
        Schuster and Paliwal, Bidirectional Recurrent Neural Networks, 1997.

    Example:
        >>> Bidirectional(LSTM(4, return_sequences=True))(np.zeros((32, 10, 8))).shape
        (32, 10, 8)
    """

    layer: Any
    merge_mode: str | None = "concat"
    weights: Sequence[Any] | None = None  # type: ignore[assignment]
    backward_layer: Any = None

    def _compose(self) -> None:
        if self.merge_mode is not None and self.merge_mode not in MERGES:
            names = '", "'.join(MERGES)
            raise ConfigError(
                f'{self._title()}: expected merge_mode "{names}" or None, got {self.merge_mode!r}'
            )
        given = _recurrent(self._values["layer"], f"{self._title()} layer")
        forward = _copy(given, "forward_", {})
        backward = self._values["backward_layer"]
        if backward is None:
            backward = _copy(given, "backward_", {"go_backwards": True})
        else:
            backward = _recurrent(backward, f"{self._title()} backward_layer")
            backward = _copy(backward, "", {})
        self._check_pair(forward, backward)
        del self.__dict__["layer"], self.__dict__["backward_layer"]
        self.forward_layer: Recurrent | RNN = forward
        self.__dict__["backward_layer"] = backward
        self._values.update(layer=forward, backward_layer=backward)
        self.stateful = forward.stateful
        self.return_sequences = forward.return_sequences
        self.return_state = forward.return_state
        named = {"name": f"{self.name}_merge", "dtype": self.dtype}
        self._merge = None if self.merge_mode is None else MERGES[self.merge_mode](**named)
        self._reverse = Reverse(name=f"{self.name}_reverse", dtype=self.dtype)

    def call(self, sequences: Any, *, initial_state: Any = None, mask: Any = None) -> Any:
        """Both directions, the backward one turned round, merged."""
        states = [] if initial_state is None else _tree.flatten(initial_state)
        half = len(states) // 2
        forward = self.forward_layer(sequences, states[:half] or None, mask=mask)
        backward = self.backward_layer(sequences, states[half:] or None, mask=mask)
        behind: tuple[Any, ...] = ()
        if self.return_state:
            (forward, *ahead), (backward, *after) = forward, backward
            behind = (*ahead, *after)
        if self.return_sequences:
            backward = self._reverse(backward)
        if self._merge is None:
            return (forward, backward, *behind)
        merged = self._merge([forward, backward])
        return (merged, *behind) if behind else merged

    def reset_state(self) -> None:
        """Let both directions of a stateful layer start from zeros again."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    def get_config(self) -> dict[str, Any]:
        """As Keras writes it: both layers as they stand inside."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self.dtype,
            "merge_mode": self.merge_mode,
            "layer": serialize(self.forward_layer),
            "backward_layer": serialize(self.backward_layer),
        }

    def _check_pair(self, forward: Any, backward: Any) -> None:
        if forward.go_backwards == backward.go_backwards:
            raise ConfigError(
                f"{self._title()}: expected go_backwards to differ between layer and "
                f"backward_layer, got {forward.go_backwards} twice"
            )
        for setting in ("stateful", "return_sequences", "return_state"):
            values = getattr(forward, setting), getattr(backward, setting)
            if values[0] != values[1]:
                raise ConfigError(
                    f"{self._title()}: expected the same {setting} in layer and backward_layer, "
                    f"got {values[0]} and {values[1]}"
                )


def _recurrent(value: Any, where: str) -> Recurrent | RNN:
    made = deserialize(value) if is_layer_config(value) else value
    if not isinstance(made, Recurrent | RNN):
        raise ConfigError(
            f"{where}: expected a SimpleRNN, LSTM, GRU, RNN or ConvLSTM layer, got {value!r:.60}"
        )
    return made


def _copy(given: Any, prefix: str, changes: dict[str, Any]) -> Any:
    """A layer with the same settings and fresh weights."""
    config = given.get_config() | changes
    config["name"] = prefix + given.name.removeprefix(prefix)
    config["zero_output_for_mask"] = given.return_sequences
    return type(given).from_config(config)
