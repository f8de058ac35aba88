"""`plot_model`: the layers of a model and what flows between them, as a picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lamina.errors import ConfigError
from lamina.utils.layered_drawing import Box, draw_layers
from lamina.utils.picture import Picture


def plot_model(
    model: Any,
    to_file: str | os.PathLike[str] | None = "model.svg",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
) -> Picture:
    """Draw the layers of a model as boxes, and as arrows what goes from one to the next.

    Args:
        model: A model that is built.
        to_file: The SVG file to write; None writes none.
        show_shapes: Show the shapes of what comes in and goes out; None is an axis of any size.
        show_dtype: Show the type of the numbers.
        show_layer_names: Show the names of the layers under their kinds.
        rankdir: `"TB"` draws from top to bottom, `"LR"` from left to right.
        expand_nested: Show the layers of models inside the model too.
        dpi: For Keras's sake; an SVG is sharp at every size.
        show_layer_activations: Show the activation of layers that have one.
        show_trainable: Show whether training changes the weights.

    Returns:
        The picture; a notebook shows it.

    Raises:
        ConfigError: a model that is not built; another ending than `.svg`; an unknown rankdir.

    Example:
        >>> model = lamina.Sequential([lamina.Input((4,)), lamina.layers.Dense(3)])
        >>> picture = plot_model(model, tmp_path / "model.svg", show_shapes=True)
        >>> "out: (None, 3)" in picture.svg()
        True
    """
    if rankdir not in ("TB", "LR"):
        raise ConfigError(f"plot_model: rankdir must be 'TB' or 'LR', got {rankdir!r}")
    if to_file is not None and not os.fspath(to_file).endswith(".svg"):
        raise ConfigError(
            f"plot_model: expected a file name that ends in .svg, got {os.fspath(to_file)!r}"
        )
    if not model.built:
        raise ConfigError(
            "plot_model: the model is not built yet. Give it an Input, or call it on data first"
        )
    shown = _Shown(
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable
    )
    boxes: list[Box] = []
    _collect([*model.inputs, *model.outputs], boxes, shown, expand_nested)
    picture = draw_layers(boxes, across=rankdir == "LR")
    if to_file is not None:
        picture.save(to_file)
    return picture


@dataclass(frozen=True)
class _Shown:
    """What stands in a box beside the kind of the layer."""

    shapes: bool
    dtype: bool
    names: bool
    activations: bool
    trainable: bool

    def box(self, node: Any, sources: list[int]) -> Box:
        """The box of one call of a layer."""
        layer = node.layer
        lines = [layer.name] if self.names else []
        activation = getattr(layer, "activation", None)
        if self.activations and activation is not None:
            lines.append(f"activation: {getattr(activation, '__name__', activation)}")
        if self.shapes:
            if node.inputs:
                lines.append(f"in: {', '.join(str(tensor.shape) for tensor in node.inputs)}")
            lines.append(f"out: {', '.join(str(tensor.shape) for tensor in node.outputs)}")
        if self.dtype:
            lines.append(f"dtype: {node.outputs[0].dtype}")
        if self.trainable and layer.weights:
            lines.append("trainable" if layer.trainable else "frozen")
        return Box(type(layer).__name__, lines, sources)


def _collect(tensors: Sequence[Any], boxes: list[Box], shown: _Shown, expand: bool) -> None:
    """Add a box for every call that leads to the tensors.

    A stack of our own takes the place of recursion: a network may be thousands of calls deep.
    """
    origin: dict[int, int] = {}  # the box each tensor comes from
    stack = [tensor._node for tensor in reversed(tensors)]
    while stack:
        node = stack[-1]
        needed = [*node.inputs, *(node.inner if expand else ())]
        waiting = [tensor._node for tensor in needed if id(tensor) not in origin]
        if waiting:
            stack += reversed(waiting)
            continue
        stack.pop()
        if id(node.outputs[0]) in origin:
            continue
        if expand and node.inner:
            for outer, inner in zip(node.outputs, node.inner, strict=True):
                origin[id(outer)] = origin[id(inner)]
            continue
        sources = dict.fromkeys(origin[id(tensor)] for tensor in node.inputs)
        boxes.append(shown.box(node, list(sources)))
        origin.update((id(tensor), len(boxes) - 1) for tensor in node.outputs)
