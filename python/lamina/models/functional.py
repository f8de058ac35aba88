"""`Functional`: what `Model(inputs, outputs)` makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from lamina.layers.declare import register
from lamina.models.graph import Graph
from lamina.models.model import Model


@register
class Functional(Model):
    """A model between symbolic tensors; made by `Model(inputs, outputs)`.

    Example:
        >>> inputs = lamina.Input((2,))
        >>> type(Model(inputs, lamina.layers.Dense(3)(inputs))).__name__
        'Functional'
    """

    def get_config(self) -> dict[str, Any]:
        """Layers, their calls, inputs and outputs, as Keras writes them."""
        graph = self._need_graph("config")
        return {"name": self.name, "trainable": self.trainable} | graph.get_config()

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        """The model that `get_config` described, with fresh weights."""
        graph = Graph.from_config(config, custom_objects)
        made = cls(graph.inputs, graph.outputs, name=config["name"])
        if not config.get("trainable", True):
            made.trainable = False
        return made
