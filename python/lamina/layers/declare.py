"""`@layer`: a class with declared, typed, defaulted fields becomes a layer, once and for all.

Constructor, `get_config`, `from_config`, `repr` and the registry all derive from the fields, so a
layer's file holds its docstring and its fields and nothing else. The engine checks the values.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

import numpy as np

from lamina.errors import ConfigError

if TYPE_CHECKING:
    from lamina.layers.base import Layer

L = TypeVar("L", bound=type)

REQUIRED: Any = inspect.Parameter.empty

COMMON = {"activity_regularizer": None, "trainable": True, "dtype": None, "name": None}
"""The keywords every layer takes besides its own fields."""

MODULE = "lamina.layers"
"""What a serialised layer says it is, to tell it from a serialised initializer."""

_registry: dict[str, type[Layer]] = {}


@dataclass(frozen=True)
class Option:
    """What `option` puts into the class body until `@layer` reads it."""

    default: Any
    kw_only: bool


def option(*, default: Any, kw_only: bool = False) -> Any:
    """A field that says more than its default: `kw_only` fields can only be given by name."""
    return Option(default, kw_only)


@dataclass(frozen=True)
class Field:
    """One declared hyper-parameter.

    `only_none` marks an argument of Keras that is not supported and stands there for its place in
    the signature: declared as `None`, it takes no other value and never leaves Python.
    """

    name: str
    default: Any
    kw_only: bool
    only_none: bool


@dataclass_transform(eq_default=False, field_specifiers=(option,))
def layer(cls: L) -> L:
    """Class decorator: reads the declared fields and registers the class under its name."""
    fields: dict[str, Field] = dict(getattr(cls, "_fields", {}))
    for name, annotation in inspect.get_annotations(cls).items():
        if str(annotation).startswith("ClassVar"):
            continue
        default = cls.__dict__.get(name, REQUIRED)
        kw_only = False
        if isinstance(default, Option):
            default, kw_only = default.default, default.kw_only
        fields.pop(name, None)  # a field declared again takes its new place
        fields[name] = Field(name, default, kw_only, str(annotation) == "None")
        if name in cls.__dict__:
            delattr(cls, name)
    declared: Any = cls
    declared._fields = fields
    declared.__init__ = _constructor_for(fields)
    _registry[cls.__name__] = declared
    return cls


def register(cls: L) -> L:
    """Make a class that is no `@layer` (a model) known to files under its name."""
    _registry[cls.__name__] = cls
    return cls


def registered(name: str, custom_objects: Mapping[str, Any] | None = None) -> type[Layer]:
    """The layer class of that name; nothing is ever imported by name."""
    if custom_objects and name in custom_objects:
        found: type[Layer] = custom_objects[name]
        return found
    if name in _registry:
        return _registry[name]
    near = _nearest(name, _registry)
    remedy = f'Did you mean "{near}"?' if near else "Hand it over in custom_objects"
    raise ConfigError(f'expected the name of a layer class, got "{name}". {remedy}')


def _nearest(name: str, known: Iterable[str]) -> str | None:
    from difflib import get_close_matches  # for errors only; keeps the import short

    return next(iter(get_close_matches(name, known, 1)), None)


def is_declared(cls: type) -> bool:
    """Whether `@layer` stands on this very class."""
    return "_fields" in cls.__dict__


def _constructor_for(fields: Mapping[str, Field]) -> Callable[..., None]:
    def __init__(self: Layer, *args: Any, **kwargs: Any) -> None:
        values = _bind(type(self), args, kwargs)
        self._begin(**{key: values.pop(key) for key in COMMON})
        self._set_fields(values)

    declared: Any = __init__
    declared.__signature__ = _signature(fields)
    declared._by_layer = True
    return __init__


def _bind(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments to field values; every mistake names the class and a way out."""
    fields: dict[str, Field] = cls._fields  # type: ignore[attr-defined]
    places = [field.name for field in fields.values() if not field.kw_only]
    if len(args) > len(places):
        raise ConfigError(
            f"{cls.__name__}: expected at most {len(places)} positional arguments "
            f"({', '.join(places)}), got {len(args)}"
        )
    values = dict(zip(places, args, strict=False))
    allowed = set(fields) | set(COMMON) | {"autocast"}
    for name, value in kwargs.items():
        if name in values:
            raise ConfigError(f"{cls.__name__}: expected {name} once, got it twice")
        if name not in allowed:
            near = _nearest(name, allowed)
            remedy = f"Did you mean {near}?" if near else f"It takes {', '.join(fields)}"
            raise ConfigError(f'{cls.__name__}: got the unknown argument "{name}". {remedy}')
        values[name] = value
    values.pop("autocast", None)  # True and False mean the same: there is one float type per layer
    for field in fields.values():
        value = values[field.name] = _sizes(values.pop(field.name, field.default))
        if value is REQUIRED:
            raise ConfigError(f"{cls.__name__}: expected the argument {field.name}, got none")
        if field.only_none and value is not None:
            raise ConfigError(
                f"{cls.__name__}: {field.name} is not supported, got {value!r}. Leave it None"
            )
    for name, default in COMMON.items():
        values.setdefault(name, default)
    return {name: values[name] for name in dict.fromkeys((*fields, *COMMON))}  # in declared order


def _sizes(value: Any) -> Any:
    """Lists of sizes or axes, or of pairs of them, as tuples: what a file's JSON gives back is what
    was put in."""
    if not isinstance(value, list | tuple):
        return value
    items = tuple(tuple(item) if isinstance(item, list) else item for item in value)
    flat = [part for item in items for part in (item if isinstance(item, tuple) else (item,))]
    return items if all(isinstance(part, int | None) for part in flat) else value


def _signature(fields: Mapping[str, Field]) -> inspect.Signature:
    places = inspect.Parameter.POSITIONAL_OR_KEYWORD
    named = inspect.Parameter.KEYWORD_ONLY
    ordered = sorted(fields.values(), key=lambda field: field.kw_only)
    parameters = [inspect.Parameter("self", places)]
    parameters += [
        inspect.Parameter(f.name, named if f.kw_only else places, default=f.default)
        for f in ordered
    ]
    parameters += [
        inspect.Parameter(name, named, default=default)
        for name, default in COMMON.items()
        if name not in fields
    ]
    return inspect.Signature(parameters)


def describe(value: Any, where: str) -> Any:
    """A field's value as JSON can hold it: names stay, objects become class_name and config."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [describe(item, where) for item in value]
    if isinstance(value, dict):
        if "class_name" in value:  # Keras's files name module and registration as well
            config = describe(value.get("config") or {}, where)
            return {"class_name": value["class_name"], "config": config}
        return {key: describe(item, where) for key, item in value.items()}
    if isinstance(value, type) and hasattr(value, "get_config"):
        value = value()
    if hasattr(type(value), "_fields"):
        return serialize(value)
    if hasattr(value, "get_config"):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if getattr(value, "__module__", "").startswith("lamina."):
        return value.__name__  # one of lamina's own functions, known to the engine by its name
    raise ConfigError(
        f"{where}: expected a number, a name or an object of lamina, got {value!r}. "
        "Python functions cannot run inside the engine"
    )


def to_json(value: Any, where: str) -> str:
    """The value as the engine reads it."""
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError:
        raise ConfigError(f"{where}: expected finite numbers, got NaN or inf") from None


def serialize(layer: Layer) -> dict[str, Any]:
    """The layer as {"module", "class_name", "config"}, as in files and in other layers' configs.

    Args:
        layer: A layer or a model.

    Example:
        >>> serialize(lamina.layers.ReLU(name="relu"))["class_name"]
        'ReLU'
    """
    return {"module": MODULE, "class_name": type(layer).__name__, "config": layer.get_config()}


def is_layer_config(value: object) -> bool:
    """Whether the value is what `serialize` makes (of a layer, not of an initializer)."""
    return isinstance(value, Mapping) and str(value.get("module")).endswith((".layers", ".models"))


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> Layer:
    """The layer that `serialize` described, with weights of its own.

    Raises:
        ConfigError: a class that is neither lamina's nor in `custom_objects`; no such config.

    Example:
        >>> deserialize(serialize(lamina.layers.Dense(3, name="dense")))
        Dense(units=3, name='dense')
    """
    if not isinstance(config, Mapping) or not isinstance(config.get("class_name"), str):
        raise ConfigError(f"expected a layer's {{class_name, config}}, got {config!r:.80}")
    cls = registered(config["class_name"], custom_objects)
    settings = dict(config.get("config") or {})
    if custom_objects and "custom_objects" in inspect.signature(cls.from_config).parameters:
        return cls.from_config(settings, custom_objects=custom_objects)
    return cls.from_config(settings)


def config_from_arguments(layer: Layer, config: dict[str, Any]) -> dict[str, Any]:
    """The config of a user's class that defines none: the arguments it was made with.

    `config` holds name, trainable and dtype; those its constructor does not take are left out.
    """
    args, kwargs = layer._arguments
    signature = inspect.signature(type(layer).__init__)
    bound = signature.bind(layer, *args, **kwargs).arguments
    takes_any = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            takes_any = True
            bound.update(bound.pop(parameter.name, {}))
        elif parameter.kind is parameter.VAR_POSITIONAL and bound.get(parameter.name):
            raise ConfigError(f"{layer._title()}: *{parameter.name} needs a get_config method")
    bound.pop(next(iter(signature.parameters)))
    if not takes_any:
        config = {key: value for key, value in config.items() if key in signature.parameters}
    where = f"{layer._title()}: get_config is not defined and the argument"
    return config | {
        name: describe(value, f"{where} {name}")
        for name, value in bound.items()
        if name not in config
    }
