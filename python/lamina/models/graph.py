"""The network between two sets of symbolic tensors: its calls, its layers, its config.

Order and config are Keras's: layers by decreasing distance from the outputs, then in the order a
walk back from the outputs meets them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina import _core, _tree
from lamina.errors import ConfigError
from lamina.layers.base import Layer
from lamina.layers.declare import describe, deserialize, serialize
from lamina.layers.lowering import Lowered, lower, parents
from lamina.layers.symbolic import Node, SymbolicTensor

TENSOR = "__keras_tensor__"


class Graph:
    """All calls that lead from `inputs` to `outputs`; both may be nested in lists and dicts.

    Raises:
        ConfigError: an input or output that is no symbolic tensor, or two layers of one name.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.flat_inputs: list[SymbolicTensor] = _tree.flatten(inputs)
        self.flat_outputs: list[SymbolicTensor] = _tree.flatten(outputs)
        _check_tensors("inputs", self.flat_inputs)
        _check_tensors("outputs", self.flat_outputs)
        self.nodes, self.layers = _arrange(self.flat_inputs, self.flat_outputs)
        _check_names(self.layers)

    @property
    def input_names(self) -> list[str]:
        """The name of each input, in the order of the arrays."""
        return [tensor._node.layer.name for tensor in self.flat_inputs]

    @property
    def output_names(self) -> list[str]:
        """The name of each output's layer, in the order of the arrays."""
        return [tensor._node.layer.name for tensor in self.flat_outputs]

    @property
    def target_names(self) -> list[str]:
        """What losses, targets and logs call each output: its key in a dict, else its layer."""
        if isinstance(self.outputs, dict) and not any(map(_tree.is_nested, self.outputs.values())):
            return sorted(self.outputs)
        return self.output_names

    def lower(self) -> Lowered:
        """The engine's form of the graph."""
        return lower(self.flat_inputs, self.flat_outputs)

    def runner(self, seed: int) -> _core.Runner:
        """A runner for the graph."""
        return self.lower().runner(seed)

    def call(self, inputs: Any) -> Any:
        """Make the same calls again on other tensors; returns other outputs."""
        by_name = isinstance(inputs, dict) and not isinstance(self.inputs, dict)
        if by_name and set(self.input_names) <= inputs.keys():
            inputs = [inputs[name] for name in self.input_names]
        tensors = _tree.flatten(inputs)
        if len(tensors) != len(self.flat_inputs):
            raise ConfigError(
                f"expected {len(self.flat_inputs)} inputs ({', '.join(self.input_names)}), "
                f"got {len(tensors)}"
            )
        mapped = {id(old): new for old, new in zip(self.flat_inputs, tensors, strict=True)}
        for node in self.nodes:
            if node.inputs and any(id(tensor) not in mapped for tensor in node.outputs):
                args, kwargs = substitute(node, mapped)
                made = _tree.flatten(node.layer(*args, **kwargs))
                mapped |= {id(old): new for old, new in zip(node.outputs, made, strict=True)}
        return _tree.map_leaves(lambda tensor: mapped[id(tensor)], self.outputs)

    # ---- config ----

    def get_config(self) -> dict[str, Any]:
        """Layers with their calls, inputs and outputs, as JSON can hold them."""
        own = {id(node) for node in self.nodes}
        places = {
            id(node): index
            for layer in self.layers
            for index, node in enumerate(node for node in layer._nodes if id(node) in own)
        }
        layers = [
            serialize(layer)
            | {
                "name": layer.name,
                "inbound_nodes": [
                    _node_config(node, places)
                    for node in layer._nodes
                    if id(node) in own and node.inputs
                ],
            }
            for layer in self.layers
        ]

        def place(tensor: SymbolicTensor) -> list[Any]:
            node = tensor._node
            return [node.layer.name, places[id(node)] + _built_in_node(node.layer), tensor._index]

        return {
            "layers": layers,
            "input_layers": _tree.map_leaves(place, self.inputs),
            "output_layers": _tree.map_leaves(place, self.outputs),
        }

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Graph:
        """The graph that `get_config` described, with new layers."""
        layers = {entry["name"]: deserialize(entry, custom_objects) for entry in config["layers"]}
        waiting = [
            (layers[entry["name"]], list(entry["inbound_nodes"])) for entry in config["layers"]
        ]
        while waiting:
            still = [(layer, _make_calls(layer, nodes, layers)) for layer, nodes in waiting]
            still = [(layer, nodes) for layer, nodes in still if nodes]
            if sum(len(nodes) for _, nodes in still) == sum(len(nodes) for _, nodes in waiting):
                raise ConfigError("expected calls that follow from each other, got a circle")
            waiting = still

        def find(place: Any) -> Any:
            if isinstance(place, dict):
                return {key: find(item) for key, item in place.items()}
            if len(place) == 3 and isinstance(place[0], str):
                layer = _layer_named(place[0], layers)
                return layer._nodes[place[1] - _built_in_node(layer)].outputs[place[2]]
            return [find(item) for item in place]

        return cls(find(config["input_layers"]), find(config["output_layers"]))


def substitute(node: Node, mapped: Mapping[int, SymbolicTensor]) -> tuple[Any, Any]:
    """The arguments of a call with its tensors replaced."""

    def replace(value: Any) -> Any:
        return mapped[id(value)] if isinstance(value, SymbolicTensor) else value

    return _tree.map_leaves(replace, node.args), _tree.map_leaves(replace, node.kwargs)


def _arrange(
    inputs: list[SymbolicTensor], outputs: list[SymbolicTensor]
) -> tuple[list[Node], list[Layer]]:
    """The nodes in an order in which they can run, and the layers in Keras's order."""
    nodes, first_met = _walk_back(inputs, outputs)
    depth_of_node: dict[int, int] = {}
    depth_of_layer: dict[Layer, int] = {}
    for node in reversed(nodes):
        depth = max(depth_of_node.setdefault(id(node), 0), depth_of_layer.get(node.layer, 0))
        depth_of_layer[node.layer] = depth_of_node[id(node)] = depth
        for parent in parents(node):
            before = depth_of_node.get(id(parent._node), 0)
            depth_of_node[id(parent._node)] = max(depth + 1, before)
    for tensor in inputs:
        node = tensor._node
        if not node.inputs and node.layer not in depth_of_layer:  # an input nothing depends on
            depth_of_layer[node.layer], first_met[node.layer] = 0, -1
            nodes.insert(0, node)
    layers = sorted(depth_of_layer, key=lambda layer: (-depth_of_layer[layer], first_met[layer]))
    return nodes, layers


def _walk_back(
    inputs: list[SymbolicTensor], outputs: list[SymbolicTensor]
) -> tuple[list[Node], dict[Layer, int]]:
    """Depth first from the outputs: nodes as they are left, layers as they are first met."""
    cut = {id(tensor) for tensor in inputs if tensor._node.inputs}
    done: set[int] = set()
    nodes: list[Node] = []
    first_met: dict[Layer, int] = {}
    stack: list[tuple[SymbolicTensor, bool]] = [(tensor, False) for tensor in reversed(outputs)]
    while stack:
        tensor, leaving = stack.pop()
        node = tensor._node
        if id(node) in done or id(tensor) in cut:
            continue
        if leaving:
            done.add(id(node))
            nodes.append(node)
            continue
        first_met.setdefault(node.layer, len(first_met))
        stack.append((tensor, True))
        stack.extend((parent, False) for parent in reversed(parents(node)))
    return nodes, first_met


def _check_tensors(what: str, tensors: list[Any]) -> None:
    if not tensors:
        raise ConfigError(f"Model: expected {what}, got none")
    for tensor in tensors:
        if not isinstance(tensor, SymbolicTensor):
            raise ConfigError(
                f"Model: expected {what} to be symbolic tensors, got {tensor!r:.60}. "
                "They come from Input(shape=…) and from calling layers"
            )


def _check_names(layers: list[Layer]) -> None:
    seen: set[str] = set()
    for layer in layers:
        if layer.name in seen:
            raise ConfigError(
                f'Model: expected every layer to have its own name, got "{layer.name}" twice. '
                "Give one of them another name="
            )
        seen.add(layer.name)


def _built_in_node(layer: Layer) -> int:
    """Keras counts a functional model's own graph as its first call, in `output_layers` only."""
    return 1 if type(layer).__name__ == "Functional" else 0


def _node_config(node: Node, places: Mapping[int, int]) -> dict[str, Any]:
    def leaf(value: Any) -> Any:
        if not isinstance(value, SymbolicTensor):
            return describe(value, f"{node.layer._title()}: an argument of its call")
        owner = value._node
        history = [owner.layer.name, places[id(owner)], value._index]
        settings = {"shape": list(value.shape), "dtype": value.dtype, "keras_history": history}
        return {"class_name": TENSOR, "config": settings}

    return {
        "args": [_tree.map_leaves(leaf, argument) for argument in node.args],
        "kwargs": {key: _tree.map_leaves(leaf, value) for key, value in node.kwargs.items()},
    }


def _make_calls(
    layer: Layer, nodes: list[dict[str, Any]], layers: Mapping[str, Layer]
) -> list[dict[str, Any]]:
    """Make those of a layer's calls whose tensors exist; returns the others."""

    def revive(value: Any) -> Any:
        if isinstance(value, dict) and value.get("class_name") == TENSOR:
            name, index, output = value["config"]["keras_history"]
            calls = _layer_named(name, layers)._nodes
            if index >= len(calls):
                raise LookupError
            return calls[index].outputs[output]
        if isinstance(value, dict):
            return {key: revive(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [revive(item) for item in value]
        return value

    while nodes:
        try:
            args, kwargs = revive(list(nodes[0]["args"])), revive(dict(nodes[0]["kwargs"]))
        except LookupError:
            break
        layer(*args, **kwargs)
        nodes = nodes[1:]
    return nodes


def _layer_named(name: str, layers: Mapping[str, Layer]) -> Layer:
    if name not in layers:
        raise ConfigError(f'expected the name of one of the model\'s layers, got "{name}"')
    return layers[name]
