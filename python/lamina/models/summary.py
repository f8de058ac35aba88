"""The table that `model.summary()` prints."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lamina.errors import ConfigError
from lamina.layers.variable import Variable

if TYPE_CHECKING:
    from lamina.layers.base import Layer
    from lamina.models.graph import Graph
    from lamina.models.model import Model

GAP = 2
"""Spaces between two columns."""


@dataclass(frozen=True)
class _Columns:
    """What stands in each line, and how each column is aligned."""

    titles: list[str]
    right: list[bool]
    rows: list[list[str]]


def summary_text(
    model: Model,
    line_length: int | None,
    positions: Sequence[float] | None,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Sequence[str] | None,
) -> str:
    """The whole text; the arguments are those of `Model.summary`."""
    layers = _in_range(_shown_layers(model), layer_range)
    graph = model._graph if _is_branched(model) else None
    table = _Columns(["Layer (type)", "Output shape", "Params"], [False, False, True], [])
    if graph is not None:
        table.titles.append("Connected to")
        table.right.append(False)
    if show_trainable:
        table.titles.append("Trainable")
        table.right.append(False)
    for layer in layers:
        _add_rows(table, layer, graph, expand_nested, show_trainable, 0)
    lines = [f'Model: "{model.name}"', *_drawn(table, line_length, positions), *_totals(model)]
    return "\n".join(lines)


def _shown_layers(model: Model) -> list[Layer]:
    return model._graph.layers if _is_branched(model) and model._graph else model.layers


def _is_branched(model: Model) -> bool:
    """Whether lines need to say where their inputs come from: the model is more than a chain."""
    if type(model).__name__ != "Functional" or model._graph is None:
        return False
    nodes = model._graph.nodes
    chain = all(len(node.inputs) <= 1 for node in nodes)
    return (
        not chain
        or len(nodes) != len(model._graph.layers)
        or len(model.inputs) > 1
        or (len({id(node.inputs[0]) for node in nodes if node.inputs}) < len(nodes) - 1)
    )


def _in_range(layers: list[Layer], layer_range: Sequence[str] | None) -> list[Layer]:
    if layer_range is None:
        return layers
    if len(layer_range) != 2:
        raise ConfigError(f"summary: expected layer_range as two names, got {layer_range!r}")
    places = []
    for pattern in layer_range:
        found = [i for i, layer in enumerate(layers) if re.match(pattern, layer.name)]
        if not found:
            raise ConfigError(f"summary: expected the name of a layer, got {pattern!r}")
        places += found
    return layers[min(places) : max(places) + 1]


def _add_rows(
    table: _Columns,
    layer: Layer,
    graph: Graph | None,
    expand_nested: bool,
    show_trainable: bool,
    depth: int,
) -> None:
    params = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
    row = ["  " * depth + f"{layer.name} ({type(layer).__name__})", _output_shape(layer), params]
    if graph is not None:
        row.append(_connections(layer, graph) if depth == 0 else "")
    if show_trainable:
        row.append(("yes" if layer.trainable else "no") if layer.weights else "-")
    table.rows.append(row)
    if expand_nested:
        for inside in layer._sublayers():
            _add_rows(table, inside, graph, expand_nested, show_trainable, depth + 1)


def _output_shape(layer: Layer) -> str:
    if not layer._nodes:
        return "?"
    shapes = [str(tensor.shape) for tensor in layer._nodes[-1].outputs]
    return shapes[0] if len(shapes) == 1 else f"[{', '.join(shapes)}]"


def _connections(layer: Layer, graph: Graph) -> str:
    own = {id(node) for node in graph.nodes}
    sources = [tensor for node in layer._nodes if id(node) in own for tensor in node.inputs]
    names = [
        tensor._node.layer.name + (f"[{tensor._index}]" if tensor._index else "")
        for tensor in sources
    ]
    return ", ".join(names) or "-"


def _drawn(
    table: _Columns, line_length: int | None, positions: Sequence[float] | None
) -> list[str]:
    widths = [max(map(len, column)) for column in zip(table.titles, *table.rows, strict=True)]
    if line_length is not None or positions is not None:
        widths = _set_widths(widths, line_length, positions)
    rule = sum(widths) + GAP * (len(widths) - 1)
    lines = ["_" * rule, *_row(table.titles, widths, table.right), "=" * rule]
    for row in table.rows:
        lines += _row(row, widths, table.right)
    return [*lines, "_" * rule]


def _set_widths(
    natural: list[int], line_length: int | None, positions: Sequence[float] | None
) -> list[int]:
    """Column widths from where columns end, as shares of the line or in characters."""
    room = line_length or sum(natural) + GAP * (len(natural) - 1)
    if positions is None:
        shares = np.cumsum(natural) / sum(natural)
    else:
        shares = np.asarray(positions, float)
        shares = shares / room if shares[-1] > 1 else shares
    ends = [round(share * room) for share in shares]
    widths = [end - begin - GAP for begin, end in zip([-GAP, *ends], ends, strict=False)]
    if len(widths) != len(natural) or min(widths) < 4:
        raise ConfigError(
            f"summary: expected room for {len(natural)} columns, got {room} characters. "
            "Give a longer line_length"
        )
    return widths


def _row(cells: Sequence[str], widths: list[int], right: list[bool]) -> list[str]:
    """One row as lines; a cell that does not fit goes on below."""
    wrapped = [
        textwrap.wrap(cell, width, subsequent_indent=" ", drop_whitespace=False) or [""]
        for cell, width in zip(cells, widths, strict=True)
    ]
    lines = []
    for place in range(max(map(len, wrapped))):
        parts = [lines_of[place] if place < len(lines_of) else "" for lines_of in wrapped]
        padded = [
            part.rjust(width) if is_right else part.ljust(width)
            for part, width, is_right in zip(parts, widths, right, strict=True)
        ]
        lines.append((" " * GAP).join(padded).rstrip())
    return lines


def _totals(model: Model) -> list[str]:
    if not model.built:
        return ["Total params: unknown until the model is built"]
    trainable, others = model.trainable_weights, model.non_trainable_weights
    return [
        f"Total params: {_amount([*trainable, *others])}",
        f"Trainable params: {_amount(trainable)}",
        f"Non-trainable params: {_amount(others)}",
    ]


def _amount(weights: Iterable[Variable]) -> str:
    sizes = [(math.prod(w.shape), np.dtype(w.dtype).itemsize) for w in weights]
    amount = float(sum(count * size for count, size in sizes))
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 1024 or unit == "GB":
            break
        amount /= 1024
    return f"{sum(count for count, _ in sizes):,} ({amount:.2f} {unit})"
