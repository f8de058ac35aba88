"""From symbolic tensors to the engine: composites are looked through, layers remain."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lamina import _core, config
from lamina.errors import ConfigError

if TYPE_CHECKING:
    from lamina.layers.base import Layer
    from lamina.layers.symbolic import Node, SymbolicTensor


@dataclass(frozen=True)
class Lowered:
    """What the engine's runner is made of, and the type of its numbers."""

    engines: list[_core.Layer]
    structure: str
    dtype: str
    layers: list[Layer | None]
    """Python's side of each of the engine's layers; None for inputs."""

    def runner(self, seed: int) -> _core.Runner:
        """A runner for this graph."""
        return _core.Runner(self.engines, self.structure, seed)


def lower(inputs: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor]) -> Lowered:
    """The graph between the tensors; `inputs` may be any tensors, also the output of a layer.

    Raises:
        ConfigError: an output depends on an Input that is not among the inputs; layers of
            different dtypes; an input that was given twice.
    """
    sources = [resolve(tensor) for tensor in inputs]
    if len({id(tensor) for tensor in sources}) < len(sources):
        raise ConfigError("expected every input once, got one of them twice")
    nodes = _primitive_nodes(sources, outputs)
    dtype = _common_dtype(node.layer for node in nodes)
    builder = _Builder(dtype)
    for source in sources:
        builder.add_input(source)
    for node in nodes:
        builder.add(node)
    builder.structure["outputs"] = [builder.place(tensor) for tensor in outputs]
    structure = json.dumps(builder.structure, separators=(",", ":"))
    return Lowered(builder.engines, structure, dtype, builder.layers)


def resolve(tensor: SymbolicTensor) -> SymbolicTensor:
    """The tensor of a primitive layer that stands behind the output of a composite."""
    while tensor._node.inner:
        tensor = tensor._node.inner[tensor._index]
    return tensor


def parents(node: Node) -> list[SymbolicTensor]:
    """The tensors a node reads: its inputs, then their explicit masks."""
    return node.inputs + [mask for mask in node.masks if mask is not None]


class _Builder:
    def __init__(self, dtype: str) -> None:
        self.engines: list[_core.Layer] = []
        self.layers: list[Layer | None] = []
        self.structure: dict[str, list[Any]] = {"nodes": [], "inputs": [], "outputs": []}
        self._dtype = dtype
        self._layers: dict[int, int] = {}
        self._tensors: dict[int, list[int]] = {}

    def add_input(self, tensor: SymbolicTensor) -> None:
        shape = json.dumps({"shape": list(tensor.shape)})
        name = tensor._node.layer.name
        self.engines.append(_core.Layer("InputLayer", name, shape, self._dtype))
        self.layers.append(None)
        place = len(self.structure["nodes"])
        self._tensors[id(tensor)] = [place, 0]
        self.structure["inputs"].append(place)
        self.structure["nodes"].append({"layer": len(self.engines) - 1, "inputs": []})

    def add(self, node: Node) -> None:
        index = self._layers.get(id(node.layer))
        if index is None:
            index = self._layers[id(node.layer)] = len(self.engines)
            self.engines.append(node.layer._engine)
            self.layers.append(node.layer)
        entry: dict[str, Any] = {
            "layer": index,
            "inputs": [self.place(tensor) for tensor in node.inputs],
        }
        if any(mask is not None for mask in node.masks):
            entry["masks"] = [None if mask is None else self.place(mask) for mask in node.masks]
        if node.training is not None:
            entry["training"] = node.training
        if node.options is not None:
            entry["call"] = json.loads(node.options)
        place = len(self.structure["nodes"])
        for tensor in node.outputs:
            self._tensors.setdefault(id(tensor), [place, tensor._index])
        self.structure["nodes"].append(entry)

    def place(self, tensor: SymbolicTensor) -> list[int]:
        """Node and output number of a tensor already added."""
        return self._tensors[id(resolve(tensor))]


def _primitive_nodes(
    sources: Sequence[SymbolicTensor], outputs: Sequence[SymbolicTensor]
) -> list[Node]:
    """The calls of primitive layers the outputs need, each after those it depends on."""
    cut = {id(tensor) for tensor in sources}
    done: set[int] = set()
    order: list[Node] = []
    stack: list[tuple[SymbolicTensor, bool]] = [(t, False) for t in reversed(outputs)]
    while stack:
        tensor, leaving = stack.pop()
        tensor = resolve(tensor)
        node = tensor._node
        if id(tensor) in cut or id(node) in done:
            continue
        if leaving:
            done.add(id(node))
            order.append(node)
            continue
        if not node.inputs:
            raise ConfigError(
                f'expected every Input the outputs depend on, "{node.layer.name}" '
                f"with shape {tensor.shape} is missing. Add it to the model's inputs"
            )
        stack.append((tensor, True))
        stack.extend((parent, False) for parent in reversed(parents(node)))
    return order


def _common_dtype(layers: Iterable[Layer]) -> str:
    first: Layer | None = None
    for layer in layers:
        if first is None:
            first = layer
        elif layer.dtype != first.dtype:
            raise ConfigError(
                f'{type(layer).__name__} "{layer.name}": expected dtype {first.dtype} as in '
                f'{type(first).__name__} "{first.name}", got {layer.dtype}. Give all layers of a '
                "model one dtype, or call lamina.config.set_floatx before making them"
            )
    return first.dtype if first is not None else config.floatx()
