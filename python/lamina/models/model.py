"""`Model`: layers between inputs and outputs, with weights, training, files and a summary."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from lamina import _core, _tree
from lamina._arrays import as_array
from lamina._ragged import Ragged
from lamina._session import next_seed
from lamina.errors import ConfigError
from lamina.layers import calling
from lamina.layers.arguments import flat_shapes, map_shapes
from lamina.layers.base import Layer
from lamina.layers.declare import register, serialize
from lamina.layers.symbolic import Shape, SymbolicTensor, tensors_in
from lamina.models.data import convert_inputs
from lamina.models.graph import Graph
from lamina.models.training import Trainer

if TYPE_CHECKING:
    from lamina.layers.lowering import Lowered


@register
class Model(Trainer):
    """A network that can be trained, run, saved and used as a layer of another.

    Three ways to make one: `Model(inputs, outputs)` from symbolic tensors; `Sequential` from a
    list of layers; or a class of your own that keeps layers as attributes and uses them in `call`,
    which is traced once with symbolic tensors when the first data comes.

    Args:
        inputs: Symbolic tensor, or a list or dict of them.
        outputs: Symbolic tensor, or a list or dict of them.
        name: Name of the model.
        trainable: Whether training changes the weights.

    Example:
        >>> x = Input(shape=(4,))
        >>> model = Model(x, Dense(1)(Dense(8, activation="relu")(x)))
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(np.zeros((8, 4)), np.zeros((8, 1)), epochs=2, verbose=0)
        >>> len(history.history["loss"])
        2
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """`Model(inputs, outputs)` makes a `Functional`."""
        from lamina.models.functional import Functional  # derives from this class

        if cls is Model and _is_functional(args, kwargs):
            return super().__new__(Functional, *args, **kwargs)  # type: ignore[return-value]
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        graph = None
        if _is_functional(args, kwargs):
            given = dict(zip(("inputs", "outputs", "name"), args, strict=False))
            given |= {key: kwargs.pop(key) for key in ("inputs", "outputs") if key in kwargs}
            graph = Graph(given.pop("inputs"), given.pop("outputs"))
            kwargs |= given
        elif args:
            raise ConfigError(
                f"{type(self).__name__}: expected inputs and outputs, got {len(args)} arguments"
            )
        Layer.__init__(self, **kwargs)
        self._begin_training()
        self._graph: Graph | None = None
        self._runner: _core.Runner | None = None
        self._lowered: Lowered | None = None
        self._quick = False
        self._seed: int | None = None
        if graph is not None:
            self._set_graph(graph)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The network as a function of symbolic tensors; classes of your own define it."""
        if self._graph is None:
            raise ConfigError(
                f"{self._title()}: expected a `call` method, or Model(inputs, outputs)"
            )
        return self._graph.call(*args)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run on arrays at once, or become part of another model; see `Layer.__call__`."""
        trains = bool(kwargs.get("training"))
        others = kwargs.keys() - {"training"}
        if len(args) == 1 and not others and not trains:
            quick = self._predict_quickly(args[0])
            if quick is not None:
                return quick
        if len(args) != 1 or others or tensors_in(_tree.flatten([args, kwargs])):
            return super().__call__(*args, **kwargs)
        return self._run_whole(args[0], trains)

    # ---- what it is made of ----

    @property
    def layers(self) -> list[Layer]:
        """The layers, those of nested models not counted."""
        return self._sublayers()

    @property
    def built(self) -> bool:
        """Whether the weights exist."""
        return self._graph is not None or self._built

    @property
    def inputs(self) -> list[SymbolicTensor]:
        """The symbolic inputs."""
        return self._need_graph("inputs").flat_inputs

    @property
    def outputs(self) -> list[SymbolicTensor]:
        """The symbolic outputs."""
        return self._need_graph("outputs").flat_outputs

    @property
    def input(self) -> Any:
        """The symbolic inputs, nested as they were given."""
        return self._need_graph("input").inputs

    @property
    def output(self) -> Any:
        """The symbolic outputs, nested as they were given."""
        return self._need_graph("output").outputs

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs, the keys of data given as a dict."""
        return self._need_graph("input_names").input_names

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs, the keys of losses, metrics and targets given as a dict."""
        return self._need_graph("output_names").output_names

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name, or at that place in `layers`.

        Raises:
            ConfigError: no such layer, or not exactly one of the two was given.
        """
        if (name is None) == (index is None):
            raise ConfigError("get_layer: expected a name or an index")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ConfigError(
                    f"get_layer: expected an index below {len(self.layers)}, got {index}"
                )
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        known = ", ".join(layer.name for layer in self.layers)
        raise ConfigError(f'get_layer: no layer "{name}" in {self._title()}. It has {known}')

    def summary(
        self,
        line_length: int | None = None,
        positions: list[float] | None = None,
        print_fn: Callable[[str], object] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: tuple[str, str] | None = None,
    ) -> None:
        """Print the layers with their output shapes and numbers of parameters.

        Args:
            line_length: Width of the table; None takes what it needs.
            positions: Where columns end, as shares of `line_length`.
            print_fn: Takes the whole text instead of standard output.
            expand_nested: Show the layers of nested models too.
            show_trainable: Add a column that tells which layers are learned.
            layer_range: First and last layer to show, by name or pattern.
        """
        from lamina.models.summary import summary_text  # needed seldom, keeps the import short

        text = summary_text(
            self, line_length, positions, expand_nested, show_trainable, layer_range
        )
        (print_fn or print)(text)

    # ---- files and copies ----

    def save(
        self, filepath: str | os.PathLike[str], overwrite: bool = True, zipped: None = None
    ) -> None:
        """Write the whole model into one file: layers, weights, compile state, optimizer, step.

        The file is written beside the old one and put in its place at the end, so that a full disk
        or a kill leaves the old file whole. `lamina.models.load_model` reads it.

        Args:
            filepath: Where to; `.lamina` is the usual ending.
            overwrite: Replace an existing file; otherwise that is an error.
            zipped: Not supported; only None.

        Raises:
            ConfigError: zipped.
            FileError: the file exists and may not be replaced, cannot be written, or its ending
                belongs to another format (.keras, .h5).
        """
        from lamina.models.saving import save_model  # needed seldom, keeps the import short

        save_model(self, filepath, overwrite, zipped)

    def save_weights(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        max_shard_size: None = None,
    ) -> None:
        """Write the weights alone into one file; see `save`.

        Args:
            filepath: Where to.
            overwrite: Replace an existing file; otherwise that is an error.
            max_shard_size: Not supported; only None.

        Raises:
            ConfigError: a max_shard_size.
            FileError: the file exists and may not be replaced, or cannot be written.
        """
        from lamina.models.saving import save_weights  # needed seldom, keeps the import short

        if max_shard_size is not None:
            raise ConfigError(
                f"{self._title()}: max_shard_size is not supported, got {max_shard_size!r}. "
                "Leave it None: the weights are always one file"
            )
        save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: str | os.PathLike[str], skip_mismatch: bool = False) -> None:
        """Read weights from a file that `save_weights` or `save` wrote.

        Args:
            filepath: Where from.
            skip_mismatch: Leave out weights the file does not have or has in another shape.

        Raises:
            FileError: no such file, or none of lamina's.
            ParamError: weights that do not fit the model.
        """
        from lamina.models.saving import load_weights  # needed seldom, keeps the import short

        load_weights(self, filepath, skip_mismatch)

    def to_json(self, **kwargs: Any) -> str:
        """The architecture as text; `lamina.models.model_from_json` reads it."""
        return json.dumps(serialize(self), **kwargs)

    def reset_states(self) -> None:
        """Let all stateful layers start from zeros again."""
        if self._runner is not None:
            self._runner.reset_states()

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape (batch axis included, None where unknown)."""
        if self._graph is None:
            self._trace_shapes(input_shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for inputs of this shape, batch axis included."""
        return _tree.map_leaves(lambda tensor: tensor.shape, self._connect_shapes(input_shape))

    # ---- for this package ----

    def _is_subclassed(self) -> bool:
        return type(self).call is not Model.call

    def _sublayers(self) -> list[Layer]:
        own = super()._sublayers()
        if self._graph is None or self._is_subclassed():
            return own
        inside = self._graph.layers
        known = {id(layer) for layer in inside}
        return inside + [layer for layer in own if id(layer) not in known]

    def _need_graph(self, what: str) -> Graph:
        if self._graph is None:
            raise ConfigError(
                f"{self._title()}: has no {what} yet. Fit it, call it on data, or "
                "build(input_shape) first"
            )
        return self._graph

    def _set_graph(self, graph: Graph | None) -> None:
        """Take another graph; a runner for the old one gives its training state to the new one."""
        old = None if self._runner is None else self._training_state()
        self._graph, self._runner, self._lowered = graph, None, None
        self._built = graph is not None
        self._restored = old

    def _trace(self, x: Any) -> None:
        """Trace `call` with symbolic tensors like the data; only classes of their own need it."""
        self._trace_shapes(calling.map_data(lambda value: batch_shape(value, self.dtype), x))

    def _trace_shapes(self, shapes: Any) -> None:
        tensors = calling.input_tensors(shapes, self.dtype)
        outputs = calling.connect(self, (tensors,), {})
        node = self._nodes.pop()
        self._set_graph(Graph(tensors, _tree.pack_like(outputs, node.inner)))

    def _prepare(self, x: Any) -> Graph:
        """Make sure there is a graph that fits the data."""
        if self._graph is None:
            self._trace(x)
        elif self._is_subclassed():
            self._widen(x)
        return self._need_graph("graph")

    def _widen(self, x: Any) -> None:
        """Trace again, with unknown sizes, when data of other sizes comes to a traced `call`."""
        known = [tensor.shape for tensor in self._need_graph("graph").flat_inputs]
        shapes = calling.map_data(lambda value: (None, *np.shape(value)[1:]), x)
        found = [tuple(shape) for shape in flat_shapes(shapes)]
        if found == known or [len(shape) for shape in found] != [len(shape) for shape in known]:
            return  # as before, or nothing that fits at all: the engine says so
        joined = [
            tuple(a if a == b else None for a, b in zip(one, other, strict=True))
            for one, other in zip(known, found, strict=True)
        ]
        if joined != known:
            rest = iter(joined)
            self._trace_shapes(map_shapes(lambda _: next(rest), shapes))

    def _run(self) -> _core.Runner:
        """The model's runner, compiled if the model is."""
        if self._runner is None:
            graph = self._need_graph("runner")
            self._lowered = graph.lower()
            if self._seed is None:
                self._seed = next_seed()
            self._runner = self._lowered.runner(self._seed)
            self._quick = not self._is_subclassed() and isinstance(graph.outputs, SymbolicTensor)
            self._runner_is_new()
        return self._runner

    def _engine_dtype(self) -> str:
        self._run()
        assert self._lowered is not None
        return self._lowered.dtype

    def _run_whole(self, x: Any, training: bool) -> Any:
        """Run on one batch of arrays."""
        graph = self._prepare(x)
        arrays = convert_inputs(graph, self._engine_dtype(), x)
        results = self._run().predict(arrays, max(1, len(arrays[0])), training, None)
        return _tree.pack_like(graph.outputs, results)

    def _build_state(self) -> dict[str, Any]:
        return super()._build_state() | {"training": self._training_state(), "seed": self._seed}

    def _save_backup(self, path: str) -> None:
        from lamina.models.saving import save_backup  # needed seldom, keeps the import short

        save_backup(self, path)

    def _load_backup(self, path: str) -> None:
        from lamina.models.saving import load_backup  # needed seldom, keeps the import short

        load_backup(self, path)

    def _resume(self, state: Mapping[str, Any]) -> None:
        """Let the running `fit` go on from a backup: its random numbers, optimizer, place."""
        self._resumed = state["position"]
        if self._seed != state["seed"]:
            self._seed, self._runner = state["seed"], None
        self._set_training_state(state["training"])
        self.optimizer._set_rates(state["learning_rates"])
        self._called.set_states(state["callbacks"])

    def _restore_state(self, state: Mapping[str, Any]) -> None:
        if state["shapes"] is not None and self._graph is None:
            self._trace_shapes(*state["shapes"])
        if state["weights"] is not None:
            self.set_weights(state["weights"])
        self._seed = state["seed"]
        self._restore_training(state["training"])


def batch_shape(value: Any, dtype: str) -> Shape:
    """The shape of data for any number of samples; None for the steps of ragged ones."""
    if isinstance(value, Ragged):
        return (None, *value.shape[1:])
    return (None, *as_array(value, "x", dtype).shape[1:])


def _is_functional(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    return (
        len(args) >= 2
        or {"inputs", "outputs"} <= kwargs.keys()
        or (len(args) == 1 and "outputs" in kwargs)
    )
