"""Calling a layer: on symbolic tensors it adds a node, on arrays it runs at once."""

from __future__ import annotations

import inspect
import json
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import _tree
from lamina._arrays import Array, as_array
from lamina._session import next_seed
from lamina.errors import ConfigError, DataError
from lamina.layers.arguments import is_shape
from lamina.layers.lowering import lower
from lamina.layers.symbolic import (
    FOLLOW_TRAINING,
    Node,
    Shape,
    SymbolicTensor,
    calling_with,
    resolve_training,
    tensors_in,
)

if TYPE_CHECKING:
    from lamina import _core
    from lamina.layers.base import Layer

MAX_EAGER_RUNNERS = 8
"""How many differently shaped eager calls one layer remembers."""


@dataclass
class Arrangement:
    """The arguments of one call of a primitive layer, sorted for the engine."""

    inputs: list[Any]
    masks: list[Any] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


@dataclass
class EagerRun:
    """A layer made ready for arrays of one shape, and how its outputs are to be packed."""

    runner: _core.Runner
    outputs: Any


def connect(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Add one call of the layer to the graph of its arguments; returns its symbolic outputs."""
    _refuse_arrays(layer, args, kwargs)
    given = kwargs.get("training")
    training = resolve_training(given)
    node = Node(layer, args, kwargs, tensors_in(_tree.flatten([args, kwargs])), training=training)
    if given is FOLLOW_TRAINING:
        node.kwargs = {key: value for key, value in kwargs.items() if key != "training"}
    made = _trace(node) if layer._is_composite() else _call_primitive(node)
    layer._nodes.append(node)
    return made


def run(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call the layer on arrays: builds it if need be, runs it, returns arrays."""
    arrays: list[Array] = []
    training = bool(resolve_training(kwargs.pop("training", None)))

    def take(value: Any) -> Any:
        if not is_data(value):
            return value
        arrays.append(as_array(value, layer._title(), layer._array_dtype()))
        if not len(arrays[-1]):
            raise DataError(f"{layer._title()}: expected at least one sample, got none")
        return _Slot(len(arrays) - 1, _symbolic_shape(layer, arrays[-1]))

    call_args = tuple(map_data(take, argument) for argument in args)
    call_kwargs = {name: map_data(take, value) for name, value in kwargs.items()}
    if not arrays:
        raise ConfigError(f"{layer._title()}: expected an array or a symbolic tensor, got neither")
    key = repr((call_args, call_kwargs, training))
    ready = layer._eager.get(key)
    if ready is None:
        ready = _prepare(layer, call_args, call_kwargs, training)
        while len(layer._eager) >= MAX_EAGER_RUNNERS:
            layer._eager.pop(next(iter(layer._eager)))
        layer._eager[key] = ready
    results = ready.runner.predict(arrays, max(1, len(arrays[0])), training, None)
    return _tree.pack_like(ready.outputs, results)


def is_data(value: Any) -> bool:
    """Whether the value is numbers to compute with: an array, a frame, or a list of numbers."""
    if isinstance(value, list | tuple):
        first: Any = value
        while isinstance(first, list | tuple) and first:
            first = first[0]
        return isinstance(first, numbers.Number)
    return isinstance(value, np.ndarray | np.generic) or (
        (hasattr(value, "__array__") or hasattr(value, "__dlpack__"))
        and not isinstance(value, SymbolicTensor)
    )


def input_tensor(shape: Shape, dtype: str, name: str) -> SymbolicTensor:
    """A symbolic tensor that belongs to no model's Input: for tracing and eager calls."""
    from lamina.layers.input_layer import InputLayer  # a layer like others: it imports base

    layer = InputLayer(batch_shape=shape, dtype=dtype, name=name)
    return layer._nodes[0].outputs[0]


def input_tensors(shapes: Any, dtype: str) -> Any:
    """Such tensors for a structure of shapes, named by their keys or numbered."""
    if is_shape(shapes):
        return input_tensor(tuple(shapes), dtype, "input")
    if isinstance(shapes, Mapping):
        return {key: input_tensor(tuple(shapes[key]), dtype, str(key)) for key in shapes}
    return [
        input_tensor(tuple(shape), dtype, f"input_{index + 1}")
        for index, shape in enumerate(shapes)
    ]


@dataclass(frozen=True)
class _Slot:
    """Stands for the n-th array of an eager call."""

    index: int
    shape: Shape


def _symbolic_shape(layer: Layer, array: Array) -> Shape:
    batch = array.shape[0] if getattr(layer, "stateful", False) else None
    return (batch, *array.shape[1:])


def map_data(take: Any, tree: Any) -> Any:
    """`map_leaves`, with a list of numbers counting as one leaf."""
    if is_data(tree):
        return take(tree)
    if isinstance(tree, list):
        return [map_data(take, branch) for branch in tree]
    if isinstance(tree, tuple):
        return tuple(map_data(take, branch) for branch in tree)
    if isinstance(tree, dict):
        return {key: map_data(take, branch) for key, branch in tree.items()}
    return take(tree)


def _prepare(layer: Layer, args: Any, kwargs: Any, training: bool) -> EagerRun:
    tensors: dict[int, SymbolicTensor] = {}

    def fill(value: Any) -> Any:
        if not isinstance(value, _Slot):
            return value
        name = f"argument_{value.index}"
        tensors[value.index] = input_tensor(value.shape, layer._array_dtype(), name)
        return tensors[value.index]

    filled_args, filled_kwargs = _tree.map_leaves(fill, args), _tree.map_leaves(fill, kwargs)
    with calling_with(training):
        outputs = connect(layer, filled_args, filled_kwargs)
    layer._nodes.pop()  # an eager call is no part of any model
    inputs = [tensors[index] for index in sorted(tensors)]
    runner = lower(inputs, _tree.flatten(outputs)).runner(next_seed())
    return EagerRun(runner, _tree.map_leaves(lambda _: None, outputs))


def _refuse_arrays(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    for value in (*args, *kwargs.values()):
        for leaf in _tree.flatten(value):
            if isinstance(leaf, np.ndarray):
                raise ConfigError(
                    f"{layer._title()}: expected symbolic tensors only, got an array of shape "
                    f"{leaf.shape} beside one. Make it an Input, or call the layer on arrays only"
                )


def _call_primitive(node: Node) -> Any:
    layer = node.layer
    kwargs = {key: value for key, value in node.kwargs.items() if key != "training"}
    try:
        inspect.signature(layer._arrange).bind(*node.args, **kwargs)
    except TypeError as error:
        raise ConfigError(f"{layer._title()}: {error}") from None
    arranged = layer._arrange(*node.args, **kwargs)
    for value in arranged.inputs:
        if not isinstance(value, SymbolicTensor):
            raise ConfigError(
                f"{layer._title()}: expected symbolic tensors, got {value!r:.60} among them"
            )
    node.inputs = arranged.inputs
    node.masks = arranged.masks
    if arranged.options:
        node.options = json.dumps(arranged.options, separators=(",", ":"))
    shapes = [tensor.shape for tensor in node.inputs]
    layer._ensure_built(shapes, node.options)
    found = layer._engine.output_shapes(shapes, node.options)
    node.outputs = [
        SymbolicTensor(shape, layer.dtype, node, index, layer.name)
        for index, shape in enumerate(found)
    ]
    return node.outputs[0] if len(node.outputs) == 1 else tuple(node.outputs)


def _trace(node: Node) -> Any:
    """Run a composite's own `call` on the tensors, and put its outputs behind new ones."""
    layer = node.layer
    layer._build_composite(node.args, node.kwargs)
    known = call_parameters(type(layer))
    kwargs = {key: value for key, value in node.kwargs.items() if value is not None or key in known}
    kwargs.pop("training", None)
    if "training" in known:
        kwargs["training"] = FOLLOW_TRAINING if node.training is None else node.training
    with calling_with(node.training):
        made = layer.call(*node.args, **kwargs)
    node.inner = _tree.flatten(made)
    for value in node.inner:
        if not isinstance(value, SymbolicTensor):
            raise ConfigError(
                f"{layer._title()}: expected `call` to return the outputs of layers, "
                f"got {type(value).__name__}. Compute inside the model with layers only"
            )
    node.outputs = [
        SymbolicTensor(tensor.shape, tensor.dtype, node, index, layer.name)
        for index, tensor in enumerate(node.inner)
    ]
    layer._built = True
    return _tree.pack_like(made, node.outputs)


def call_parameters(cls: type[Layer]) -> Mapping[str, inspect.Parameter]:
    """The parameters of a class's `call`."""
    return inspect.signature(cls.call).parameters
