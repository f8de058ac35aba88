"""The TimeDistributed layer."""

from __future__ import annotations

from typing import Any

from lamina.errors import ConfigError
from lamina.layers.base import Layer
from lamina.layers.calling import Arrangement
from lamina.layers.declare import deserialize, is_layer_config, layer


@layer
class FoldTime(Layer):
    """Time folded into the batch: every step of every sequence becomes a sample of its own.

    Input shape:  `(batch, time, ...)`, float.
    Output shape: `(batch * time, ...)`.

    References:
        Rust: src/layers/time.rs.

    Example:
        >>> TimeDistributed(Dense(3))(np.zeros((2, 4, 5))).shape
        (2, 4, 3)
    """


@layer
class UnfoldTime(Layer):
    """The way back from `FoldTime`, along batch and time of a second input.

    Input shape:  `(batch * time, ...)`, then any `(batch, time, ...)`.
    Output shape: `(batch, time, ...)`, with the mask of the second input.

    References:
        Rust: src/layers/time.rs.

    Example:
        >>> TimeDistributed(Dense(3))(np.zeros((2, 4, 5))).shape
        (2, 4, 3)
    """

    def _arrange(  # type: ignore[override]
        self, steps: Any, sequences: Any, mask: Any = None
    ) -> Arrangement:
        return Arrangement([steps, sequences], [None, mask])


@layer
class TimeDistributed(Layer):
    """Applies a layer to every time step, with the same weights.

    All steps run at once, as samples of one batch: a BatchNormalization inside takes the statistics
    of all steps together.

    Args:
        layer: The layer; it sees one step, `(batch, ...)`.

    Call arguments:
        inputs: `(batch, time, ...)`.
        mask: `(batch, time)`, handed on with the output; with more axes it is cut into steps as
            well and given to the layer.

    Output shape: `(batch, time, ...)`, each step as the layer gives it.
    Parameters:   those of the layer.

    Raises:
        ConfigError: something else than a layer; a stateful one.
        ShapeError: input without time; a layer of several outputs.

    References:
        Rust: src/layers/time.rs.

    Example:
        >>> TimeDistributed(Dense(3))(np.zeros((2, 4, 5))).shape
        (2, 4, 3)
    """

    layer: Any

    def _compose(self) -> None:
        inside = self._values["layer"]
        if is_layer_config(inside):
            inside = deserialize(inside)
        if not isinstance(inside, Layer) or getattr(inside, "stateful", False):
            raise ConfigError(
                f"{self._title()}: expected a layer that is not stateful, got {inside!r:.60}"
            )
        self.__dict__["layer"] = self._values["layer"] = inside
        self._fold = FoldTime(name=f"{self.name}_fold", dtype=self.dtype)
        self._unfold = UnfoldTime(name=f"{self.name}_unfold", dtype=self.dtype)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Fold, apply, unfold."""
        if len(inputs.shape) < 3:
            raise ConfigError(
                f"{self._title()}: expected inputs (batch, time, ...) with at least three axes, "
                f"got shape {inputs.shape}"
            )
        if mask is None or len(mask.shape) < 3:
            return self._unfold(self.layer(self._fold(inputs)), inputs, mask)
        made = self.layer(self._fold(inputs), mask=self._fold(mask))
        return self._unfold(made, inputs)
