"""Copies of models with fresh weights, and models from JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from lamina import _tree
from lamina.errors import ConfigError
from lamina.layers.base import Layer
from lamina.layers.declare import deserialize
from lamina.layers.input_layer import InputLayer
from lamina.models.functional import Functional
from lamina.models.graph import substitute
from lamina.models.model import Model
from lamina.models.sequential import Sequential

Clone = Callable[[Layer], Layer]


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Clone | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Model:
    """The same architecture with new layers and fresh weights.

    Args:
        model: The model to copy.
        input_tensors: Symbolic tensors to build the copy on; None makes new ones.
        clone_function: Makes the copy of a layer; None goes through its config.
        call_function: Makes each call, as `call_function(layer, *args, **kwargs)`; functional
            models only.
        recursive: Copy the layers of nested models by `clone_function` too.

    Raises:
        ConfigError: these options for a class of your own, whose inside is not known.

    Example:
        >>> model = Sequential([lamina.Input((2,)), lamina.layers.Dense(3)])
        >>> clone_model(model).output_shape
        (None, 3)
    """
    copied: dict[int, Layer] = {}

    def clone(layer: Layer) -> Layer:
        if id(layer) not in copied:
            copied[id(layer)] = _clone_layer(layer, clone_function, call_function, recursive)
        return copied[id(layer)]

    if type(model) is Sequential:
        if call_function is not None:
            raise ConfigError("clone_model: call_function is for functional models only")
        return _clone_sequential(model, clone, input_tensors)
    if type(model) is Functional:
        return _clone_functional(model, clone, input_tensors, call_function)
    if clone_function is not None or input_tensors is not None or call_function is not None:
        raise ConfigError(
            f"{model._title()}: the layers inside `call` are not known to clone_model. "
            "Leave the options out"
        )
    return type(model).from_config(model.get_config())


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Model:
    """The model that `model.to_json()` described, with fresh weights.

    Args:
        json_string: What `to_json` returned.
        custom_objects: Classes of your own the model uses, by name.

    Raises:
        ConfigError: not a model's JSON, or a class that is neither lamina's nor in custom_objects.

    Example:
        >>> model = Sequential([lamina.Input((2,)), lamina.layers.Dense(3)])
        >>> model_from_json(model.to_json()).output_shape
        (None, 3)
    """
    try:
        config = json.loads(json_string)
    except ValueError as error:
        raise ConfigError(f"model_from_json: expected JSON, got {error}") from None
    made = deserialize(config, custom_objects)
    if not isinstance(made, Model):
        raise ConfigError(f"model_from_json: expected a model, got a {type(made).__name__} layer")
    return made


def _clone_layer(
    layer: Layer, clone_function: Clone | None, call_function: Any, recursive: bool
) -> Layer:
    if recursive and isinstance(layer, Model):
        inner = call_function if type(layer) is Functional else None
        return clone_model(layer, None, clone_function, inner, recursive)
    if isinstance(layer, InputLayer) or clone_function is None:
        return type(layer).from_config(layer.get_config())
    return clone_function(layer)


def _clone_sequential(model: Sequential, clone: Clone, input_tensors: Any) -> Sequential:
    stack = [clone(layer) for layer in model._stack]
    if input_tensors is not None:
        (tensor,) = _tree.flatten(input_tensors)
        stack = [tensor, *(layer for layer in stack if not isinstance(layer, InputLayer))]
    made = Sequential(stack, name=model.name)
    if model._graph is not None and not made.built:
        made.build(model._graph.flat_inputs[0].shape)
    return made


def _clone_functional(
    model: Functional, clone: Clone, input_tensors: Any, call_function: Any
) -> Functional:
    graph = model._need_graph("graph")
    call = call_function or (lambda layer, *args, **kwargs: layer(*args, **kwargs))
    if input_tensors is None:
        tensors = [
            InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)._nodes[0].outputs[0]
            for tensor, name in zip(graph.flat_inputs, graph.input_names, strict=True)
        ]
    else:
        tensors = _tree.flatten(input_tensors)
    mapped = {id(old): new for old, new in zip(graph.flat_inputs, tensors, strict=True)}
    for node in graph.nodes:
        if node.inputs and any(id(tensor) not in mapped for tensor in node.outputs):
            args, kwargs = substitute(node, mapped)
            made = _tree.flatten(call(clone(node.layer), *args, **kwargs))
            mapped |= {id(old): new for old, new in zip(node.outputs, made, strict=True)}
    outputs = _tree.map_leaves(lambda tensor: mapped[id(tensor)], graph.outputs)
    return Functional(_tree.pack_like(graph.inputs, tensors), outputs, name=model.name)
