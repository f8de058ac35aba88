"""`Layer`: what every layer and every model can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from lamina import _core, _tree
from lamina._session import next_seed
from lamina.config import image_data_format
from lamina.errors import ConfigError
from lamina.layers import calling
from lamina.layers.arguments import float_dtype, layer_name, map_shapes, shapes_of
from lamina.layers.calling import Arrangement
from lamina.layers.declare import (
    Field,
    config_from_arguments,
    describe,
    deserialize,
    is_declared,
    is_layer_config,
    layer,
    option,
    to_json,
)
from lamina.layers.symbolic import Node, Shape, tensors_in
from lamina.layers.weighted import Weighted

if TYPE_CHECKING:
    from collections.abc import Callable


@layer
class Layer(Weighted):
    """A piece of a network: numbers in, numbers out, and perhaps weights that are learned.

    Calling a layer on symbolic tensors (from `Input`) adds it to the model under construction;
    calling it on arrays runs it at once and returns arrays.

    Derive from it to group layers: keep them as attributes and use them in `call`, which is traced
    once with symbolic tensors.

    Args:
        activity_regularizer: A penalty on the layer's outputs, added to the loss.
        trainable: Whether training changes the weights.
        dtype: "float32" or "float64"; None takes `lamina.config.floatx()`.
        name: How files, errors and `get_layer` call it; None numbers the layers of a kind.

    Example:
        >>> class Block(Layer):
        ...     def __init__(self, units, **kwargs):
        ...         super().__init__(**kwargs)
        ...         self.wide = Dense(4 * units, activation="gelu")
        ...         self.narrow = Dense(units)
        ...
        ...     def call(self, x):
        ...         return x + self.narrow(self.wide(x))
        >>> Block(3)(np.ones((2, 3))).shape
        (2, 3)
    """

    trainable: bool = option(default=True, kw_only=True)
    dtype: str = option(default=None, kw_only=True)
    name: str = option(default=None, kw_only=True)

    _fields: ClassVar[dict[str, Field]]
    _python_only: ClassVar[tuple[str, ...]] = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Keep the arguments, for the config of classes that define none."""
        self = super().__new__(cls)
        object.__setattr__(self, "_arguments", (args, kwargs))
        return self

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """What a layer of layers does with its inputs; layers of the engine have none."""
        raise ConfigError(f"{self._title()}: expected a `call` method or a layer of lamina")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Add a call to a model under construction, or run on arrays at once.

        Args:
            *args: Symbolic tensors, or arrays; what else a layer takes stands in its docstring.
            **kwargs: `training` sets the mode, `mask` (`(batch, time)`, true keeps) the mask.

        Returns:
            Symbolic tensors or arrays, as the arguments were.
        """
        if "name" not in self.__dict__:
            raise ConfigError(
                f"{type(self).__name__}: expected super().__init__() to be called first "
                "in the class's __init__"
            )
        if tensors_in(_tree.flatten([args, kwargs])):
            return calling.connect(self, args, kwargs)
        return calling.run(self, args, kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "trainable":
            self._set_trainable(bool(value))
        elif name in self._fields or name == "activity_regularizer":
            raise ConfigError(
                f"{self._title()}: {name} is fixed once the layer is made. "
                "Make a new layer with the other value"
            )
        else:
            object.__setattr__(self, name, value)

    # ---- names, numbers, state ----

    def __repr__(self) -> str:
        shown = [
            f"{name}={value!r}"
            for name, value in self._values.items()
            if not _is_default(name, value, self._fields[name].default)
        ]
        return f"{type(self).__name__}({', '.join([*shown, f'name={self.name!r}'])})"

    @property
    def built(self) -> bool:
        """Whether the weights exist."""
        return self._built if self._core is None else self._core.built

    @property
    def supports_masking(self) -> bool:
        """True: the engine hands masks on, or ends them, as Keras does."""
        return True

    @property
    def losses(self) -> list[Any]:
        """Empty: the engine adds regularization losses to the loss by itself."""
        return []

    @property
    def compute_dtype(self) -> str:
        """The same as `dtype`."""
        return self.dtype

    @property
    def variable_dtype(self) -> str:
        """The same as `dtype`."""
        return self.dtype

    # ---- shapes ----

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape (batch axis included, None where unknown)."""
        if self._core is not None:
            self._ensure_built(shapes_of(input_shape))
        else:
            self._connect_shapes(input_shape)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for inputs of this shape, batch axis included."""
        if self._core is None:
            outputs = self._connect_shapes(input_shape)
            return _tree.map_leaves(lambda tensor: tensor.shape, outputs)
        shapes = self._core.output_shapes(shapes_of(input_shape), None)
        return shapes[0] if len(shapes) == 1 else list(shapes)

    @property
    def input(self) -> Any:
        """The symbolic input of the layer's first call."""
        inputs = self._first_call("input").inputs
        return inputs[0] if len(inputs) == 1 else inputs

    @property
    def output(self) -> Any:
        """The symbolic output of the layer's first call."""
        outputs = self._first_call("output").outputs
        return outputs[0] if len(outputs) == 1 else outputs

    @property
    def input_shape(self) -> Any:
        """The shape of `input`."""
        return _tree.map_leaves(lambda tensor: tensor.shape, self.input)

    @property
    def output_shape(self) -> Any:
        """The shape of `output`."""
        return _tree.map_leaves(lambda tensor: tensor.shape, self.output)

    # ---- files and copies ----

    def get_config(self) -> dict[str, Any]:
        """Everything `from_config` needs to make the same layer, without its weights."""
        config: dict[str, Any] = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": self.dtype,
        }
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = self._describe("activity_regularizer")
        if type(self).get_config is Layer.get_config and not self._is_declared():
            return config_from_arguments(self, config)
        return config | {name: self._describe(name) for name in self._values}

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
    ) -> Self:
        """The layer that `get_config` described, with fresh weights."""
        settings: dict[str, Any] = {
            key: deserialize(value, custom_objects) if is_layer_config(value) else value
            for key, value in config.items()
        }
        return cls(**settings)

    def __reduce__(self) -> Any:
        return _restore, (type(self), self.get_config(), self._build_state())

    # ---- for this package ----

    def _set_trainable(self, value: bool) -> None:
        """Freeze or thaw the layer and all layers inside it."""
        self.__dict__["trainable"] = value
        if self._core is not None:
            self._core.trainable = value
        for inside in self._sublayers():
            inside.trainable = value

    def _begin(self, name: Any, dtype: Any, trainable: Any, activity_regularizer: Any) -> None:
        """Set what every layer has; the first thing any constructor does."""
        state: dict[str, Any] = {
            "name": layer_name(name, type(self).__name__),
            "dtype": float_dtype(dtype, type(self).__name__),
            "trainable": bool(trainable),
            "activity_regularizer": activity_regularizer,
            "_core": None,
            "_built": False,
            "_build_shapes": None,
            "_build_options": None,
            "_initial_weights": None,
            "_values": {},
            "_nodes": [],
            "_eager": {},
        }
        self.__dict__.update(state)

    def _set_fields(self, values: dict[str, Any]) -> None:
        """Take the declared fields and make the engine's layer, which checks them."""
        if values.get("data_format", "") is None:
            values["data_format"] = image_data_format()  # the setting may change later
        initial = values.pop("weights", None)
        if initial is not None and not (isinstance(initial, list) and len(initial) == 1):
            initial = [initial]  # a table instead of a list with the table, as Keras takes it
        self.__dict__["_initial_weights"] = initial
        self.__dict__.update(values)
        self.__dict__["_values"] = {
            name: value for name, value in values.items() if not self._fields[name].only_none
        }
        if self._is_composite():
            self._compose()
        elif self._kind() != "Layer":
            self.__dict__["_core"] = self._make_engine()

    def _make_engine(self) -> _core.Layer:
        settings = {
            name: self._describe(name) for name in self._values if name not in self._python_only
        }
        penalty = self._describe("activity_regularizer")
        engine = _core.Layer(
            self._kind(),
            self.name,
            to_json(settings, self._title()),
            self.dtype,
            None if penalty is None else to_json(penalty, self._title()),
        )
        engine.trainable = self.trainable
        return engine

    @classmethod
    def _kind(cls) -> str:
        """The engine's name for the layer: that of the class `@layer` stands on."""
        return next(base.__name__ for base in cls.__mro__ if is_declared(base))

    def _is_declared(self) -> bool:
        """Whether the constructor is the one `@layer` made, so that the fields say everything."""
        return any(is_declared(base) for base in type(self).__mro__ if base is not Layer) and (
            getattr(type(self).__init__, "_by_layer", False)
        )

    def _describe(self, name: str) -> Any:
        """A declared field as JSON can hold it."""
        value = self._values[name] if name in self._values else self.__dict__[name]
        return describe(value, f"{self._title()} {name}")

    def _compose(self) -> None:
        """Make the layers inside, in declared composites."""

    def _is_composite(self) -> bool:
        return type(self).call is not Layer.call

    def _arrange(self, inputs: Any, *, mask: Any = None) -> Arrangement:
        """Sort the arguments of a call for the engine."""
        flat = _tree.flatten(inputs)
        return Arrangement(flat, [] if mask is None else _tree.flatten(mask))

    def _ensure_built(self, shapes: Sequence[Shape], options: str | None = None) -> None:
        self._engine.build(shapes, 0 if self._engine.built else next_seed(), options)
        if self._build_shapes is None:
            self.__dict__["_build_shapes"] = [list(shape) for shape in shapes]
            self.__dict__["_build_options"] = options
            initial = self.__dict__["_initial_weights"]
            if initial is not None:
                self.__dict__["_initial_weights"] = None
                self.set_weights(initial)

    def _build_composite(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Before the first `call`: let the class's own `build` make its layers."""
        if self._build_shapes is not None:
            return
        self.__dict__["_build_shapes"] = [
            _tree.map_leaves(lambda tensor: list(tensor.shape), argument)
            for argument in args
            if tensors_in(_tree.flatten(argument))
        ]
        own: Callable[..., Any] = type(self).build
        if own is not Layer.build and not own.__module__.startswith("lamina."):
            own(self, _tree.map_leaves(lambda tensor: tensor.shape, args[0]))

    def _array_dtype(self) -> str:
        """The type arrays are converted to when the layer is called on them."""
        return self.dtype

    def _sublayers(self) -> list[Layer]:
        """The layers kept as attributes, in the order they were set."""
        found: dict[int, Layer] = {}
        for name, value in self.__dict__.items():
            if name not in ("_arguments", "_values", "_nodes", "_eager"):
                for leaf in _tree.flatten(value):
                    if isinstance(leaf, Layer):
                        found.setdefault(id(leaf), leaf)
        return list(found.values())

    def _first_call(self, what: str) -> Node:
        if not self._nodes:
            raise ConfigError(
                f"{self._title()}: has no {what}, it was not called on a symbolic tensor. "
                "Call it on Input(shape=…)"
            )
        return self._nodes[0]

    def _connect_shapes(self, *shapes: Any) -> Any:
        """Call the layer on fresh symbolic tensors of these shapes, one structure per argument."""
        arguments = [
            map_shapes(lambda shape: calling.input_tensor(shape, self.dtype, "input"), shape)
            for shape in shapes
        ]
        outputs = calling.connect(self, tuple(arguments), {})
        self._nodes.pop()
        return outputs

    def _build_state(self) -> dict[str, Any]:
        """What a copy needs beside the config."""
        return {
            "shapes": self._build_shapes,
            "options": self._build_options,
            "weights": self.get_weights() if self.built else None,
        }

    def _restore_state(self, state: Mapping[str, Any]) -> None:
        shapes = state["shapes"]
        if shapes is not None and self._core is not None:
            self._ensure_built([tuple(shape) for shape in shapes], state["options"])
        elif shapes is not None:
            self._connect_shapes(*shapes)
        if state["weights"] is not None:
            self.set_weights(state["weights"])


def _is_default(name: str, value: Any, default: Any) -> bool:
    """Whether a field has its default, also where it holds an array."""
    if name == "data_format" and default is None:
        default = image_data_format()
    return value is default or (type(value) is type(default) and bool(value == default))


def _restore(cls: type[Layer], config: dict[str, Any], state: dict[str, Any]) -> Layer:
    """A pickled or copied layer."""
    made = cls.from_config(config)
    made._restore_state(state)
    return made
