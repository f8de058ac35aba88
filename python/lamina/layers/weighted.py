"""The weights of a layer or model: listing, reading, setting and counting them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina._arrays import Array
from lamina.errors import ConfigError, ParamError
from lamina.layers.variable import Variable

if TYPE_CHECKING:
    from lamina._core import Layer as Engine
    from lamina.layers.calling import EagerRun
    from lamina.layers.symbolic import Node


class Weighted:
    """What a layer remembers beside its declared fields, and what follows from the weights."""

    name: str
    dtype: str
    trainable: bool
    activity_regularizer: Any
    _arguments: tuple[tuple[Any, ...], dict[str, Any]]  # as the constructor got them
    _values: dict[str, Any]  # the declared fields, also where a property has the same name
    _core: Engine | None  # the engine's layer; None in composites
    _built: bool  # for composites: `call` has been traced
    _build_shapes: Any  # the shapes it was built for, to build a copy
    _build_options: str | None  # and how it was called then
    _initial_weights: Sequence[Any] | None  # set as soon as the layer is built
    _nodes: list[Node]  # its calls on symbolic tensors
    _eager: dict[str, EagerRun]  # runners for calls on arrays

    def __getattr__(self, name: str) -> Any:
        """A weight by its name, as in Keras: `layer.kernel`, `layer.gamma`."""
        if not name.startswith("_") and self.__dict__.get("_core") is not None:
            for weight in self._engine_weights():
                if weight.name == name:
                    return weight
            if not self.built:
                raise AttributeError(
                    f"{type(self).__name__} has no attribute {name!r}. "
                    "Weights exist once the layer is built: call it on data or build(input_shape)"
                )
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    @property
    def weights(self) -> list[Variable]:
        """All weights: the layer's own in Keras's order, then those of the layers inside."""
        if self._core is not None:
            return self._engine_weights()
        return [weight for inside in self._sublayers() for weight in inside.weights]

    @property
    def variables(self) -> list[Variable]:
        """The same as `weights`."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes."""
        return [weight for weight in self.weights if weight.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The other weights: moving averages, and all of a frozen layer."""
        return [weight for weight in self.weights if not (self.trainable and weight.trainable)]

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as `trainable_weights`."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same as `non_trainable_weights`."""
        return self.non_trainable_weights

    def get_weights(self) -> list[Array]:
        """Copies of all weights, in the order of `weights`."""
        return [weight.numpy() for weight in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights from a list like that of `get_weights()`.

        Raises:
            ParamError: another number of arrays, or another shape.
        """
        own = self.weights
        if len(weights) != len(own):
            remedy = "" if self.built else ". Build it first, by calling it on data"
            raise ParamError(
                f"{self._title()}: expected {len(own)} weights, got {len(weights)}{remedy}"
            )
        for weight, value in zip(own, weights, strict=True):
            if np.shape(value) != weight.shape:
                raise ParamError(
                    f"{self._title()}: expected shape {weight.shape} for {weight.name}, "
                    f"got {np.shape(value)}"
                )
        for weight, value in zip(own, weights, strict=True):
            weight.assign(value)

    def count_params(self) -> int:
        """How many numbers the weights hold.

        Raises:
            ConfigError: the weights do not exist yet.
        """
        if not self.built:
            raise ConfigError(
                f"{self._title()}: expected it to be built before its weights are counted. "
                "Call it on data or build(input_shape) first"
            )
        return sum(math.prod(weight.shape) for weight in self.weights)

    def add_weight(self, *args: Any, **kwargs: Any) -> Any:
        """Not supported: weights belong to layers of the engine; compose those instead."""
        raise ConfigError(
            f"{self._title()}: add_weight is not supported. Compose existing layers in `call`"
        )

    @property
    def built(self) -> bool:
        """Whether the weights exist."""
        raise NotImplementedError

    def _sublayers(self) -> Sequence[Weighted]:
        raise NotImplementedError

    def _title(self) -> str:
        return f'{type(self).__name__} "{self.__dict__.get("name", "?")}"'

    @property
    def _engine(self) -> Engine:
        if self._core is None:
            raise ConfigError(f"{self._title()}: expected a layer of lamina or a `call` method")
        return self._core

    def _engine_weights(self) -> list[Variable]:
        """All that the engine keeps for this very layer, states included."""
        return [
            Variable(self, index, name, shape, role)
            for index, (name, shape, role) in enumerate(self._core.weights() if self._core else ())
        ]
