"""`Sequential`: a model from a list of layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from lamina.errors import ConfigError
from lamina.layers.arguments import shape_of
from lamina.layers.base import Layer
from lamina.layers.calling import input_tensor
from lamina.layers.declare import deserialize, register, serialize
from lamina.layers.input_layer import InputLayer
from lamina.layers.symbolic import Shape, SymbolicTensor
from lamina.models.graph import Graph
from lamina.models.model import Model, batch_shape


@register
class Sequential(Model):
    """A stack of layers, each fed by the one before.

    With an `Input` first the weights are made at once; otherwise when the first data comes, or by
    `build`.

    Args:
        layers: The layers, first to last; `Input(shape=…)` may stand first.
        trainable: Whether training changes the weights.
        name: Name of the model.

    Raises:
        ConfigError: something that is no layer, or two layers of one name.

    Example:
        >>> model = Sequential([Input(shape=(784,)), Dense(64, activation="relu"), Dense(10)])
        >>> model.count_params()
        50890
    """

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self._stack: list[Layer] = []
        self._ends: list[SymbolicTensor] = []  # the output of each layer, once shapes are known
        self._start: SymbolicTensor | None = None
        for layer in layers or ():
            self._push(layer)
        if not trainable:
            self.trainable = False

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer on top of the stack."""
        self._push(layer)

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer off the stack and return it."""
        if not self._stack:
            raise ConfigError(f"{self._title()}: has no layer to remove")
        last = self._stack.pop()
        self._ends = self._ends[: len(self._stack)]
        self._regraph()
        return last

    @property
    def layers(self) -> list[Layer]:
        """The layers of the stack; an Input is not counted."""
        return [layer for layer in self._stack if not isinstance(layer, InputLayer)]

    def build(self, input_shape: Any = None) -> None:
        """Make the weights for inputs of this shape, the batch axis included."""
        if self._graph is not None:
            return
        if not self.layers:
            raise ConfigError(f"{self._title()}: expected at least one layer. Add some first")
        shape = shape_of(input_shape, self._title())
        self._connect_all(shape)

    def get_config(self) -> dict[str, Any]:
        """The layers' configs and the shape they were built for."""
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "layers": [serialize(layer) for layer in self._stack],
        }
        if self._graph is not None:
            config["build_input_shape"] = list(self._graph.flat_inputs[0].shape)
        return config

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        """The model that `get_config` described, with fresh weights."""
        made = cls(name=config["name"])
        for entry in config["layers"]:
            made.add(deserialize(entry, custom_objects))
        shape = config.get("build_input_shape")
        if shape is not None and made.layers:
            made.build(shape)
        if not config.get("trainable", True):
            made.trainable = False
        return made

    # ---- for this package ----

    def _push(self, layer: Any) -> None:
        if isinstance(layer, SymbolicTensor) and isinstance(layer._node.layer, InputLayer):
            layer = layer._node.layer
        if not isinstance(layer, Layer):
            raise ConfigError(
                f"{self._title()}: expected layers, got {type(layer).__name__}. "
                "Make one first, as in Dense(10)"
            )
        if any(layer.name == other.name for other in self._stack):
            raise ConfigError(
                f'{self._title()}: expected every layer to have its own name, got "{layer.name}" '
                "twice. Make a second layer instead of adding one twice"
            )
        if isinstance(layer, InputLayer) and self._stack:
            raise ConfigError(f"{self._title()}: expected Input as the first layer only")
        if self._ends:
            self._ends.append(_one_output(self, layer(self._ends[-1])))
        self._stack.append(layer)
        if isinstance(layer, InputLayer):
            self._start = layer._nodes[0].outputs[0]
            self._ends = [self._start]
        elif len(self._stack) == 1 and isinstance(layer, Model) and layer._graph is not None:
            self._connect_all(layer._graph.flat_inputs[0].shape)
        self._regraph()

    def _connect_all(self, shape: Shape) -> None:
        """Begin with a tensor of this shape and call one layer after the other on it."""
        self._start = input_tensor(shape, self._stack[0].dtype, f"{self.name}_input")
        tensor = self._start
        for layer in self._stack:
            tensor = _one_output(self, layer(tensor))
            self._ends.append(tensor)
        self._regraph()

    def _regraph(self) -> None:
        """Take the stack as it is now for the model's graph."""
        known = self._ends and self.layers
        self._set_graph(Graph(self._start, self._ends[-1]) if known else None)

    def _sublayers(self) -> list[Layer]:
        return list(self._stack) if "_stack" in self.__dict__ else []

    def _trace(self, x: Any) -> None:
        """Build for data of this shape."""
        if isinstance(x, dict) or (isinstance(x, list | tuple) and len(x) == 1):
            (x,) = x.values() if isinstance(x, dict) else x
        self.build(batch_shape(x, self.dtype))

    def call(self, inputs: Any) -> Any:
        """One layer after the other."""
        tensor = inputs
        for layer in self.layers:
            tensor = layer(tensor)
        return tensor

    def _is_subclassed(self) -> bool:
        return type(self).call is not Sequential.call


def _one_output(model: Sequential, made: Any) -> SymbolicTensor:
    if not isinstance(made, SymbolicTensor):
        raise ConfigError(
            f"{model._title()}: expected layers with one output, got {len(made)} outputs. "
            "Use Model(inputs, outputs) for those"
        )
    return made
