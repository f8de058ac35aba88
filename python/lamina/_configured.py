"""`@configured`: a class with declared, typed, defaulted fields becomes an object for the engine.

Constructor, `get_config`, `from_config` and `repr` of initializers, regularizers, constraints,
losses, metrics, optimizers and schedules derive from their fields. The engine checks the values
when the object is made and carries the object out; Python holds the fields.
"""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Generic, TypeVar, dataclass_transform

import numpy as np

from lamina import _core
from lamina.errors import ConfigError

C = TypeVar("C", bound=type)
T = TypeVar("T", bound="Configured")

_REQUIRED: Any = inspect.Parameter.empty


class Configured:
    """An object that is its class name and its fields."""

    _family: ClassVar[str]
    _options: ClassVar[dict[str, Any]] = {}
    _silent: ClassVar[frozenset[str]] = frozenset()
    """Fields that the config leaves out as long as they are None."""

    def _finish(self) -> None:
        """Fill in what depends on other fields, before the engine checks them."""

    def get_config(self) -> dict[str, Any]:
        """The fields, as JSON can hold them."""
        config = {name: _plain(getattr(self, name), type(self)) for name in self._options}
        return {k: v for k, v in config.items() if v is not None or k not in self._silent}

    @classmethod
    def from_config(cls: type[T], config: Mapping[str, Any]) -> T:
        """The object that `get_config` described."""
        return cls(**config)

    def __repr__(self) -> str:
        values = self.get_config()
        changed = [
            f"{name}={value!r}"
            for name, value in values.items()
            if name != "name" and (self._options[name] is _REQUIRED or value != self._options[name])
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def _json(self) -> str:
        """The object as the engine reads it."""
        kind = type(self).__name__
        try:
            return json.dumps({"class_name": kind, "config": self.get_config()}, allow_nan=False)
        except ValueError:
            raise ConfigError(f"{kind}: expected finite numbers, got NaN or inf") from None


@dataclass_transform(eq_default=False)
def configured(cls: C) -> C:
    """Class decorator: reads the declared fields and makes the constructor from them."""
    options: dict[str, Any] = {}
    for name, annotation in inspect.get_annotations(cls).items():
        if str(annotation).startswith("ClassVar"):
            continue
        options[name] = cls.__dict__.get(name, _REQUIRED)
        if name in cls.__dict__:
            delattr(cls, name)  # a property of the base class may stand there
    places = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("self", places)]
    parameters += [inspect.Parameter(n, places, default=d) for n, d in options.items()]
    declared: Any = cls
    declared._options = options
    declared.__init__ = _constructor(options)
    declared.__init__.__signature__ = inspect.Signature(parameters)
    return cls


def _constructor(options: Mapping[str, Any]) -> Callable[..., None]:
    names = list(options)

    def __init__(self: Configured, *args: Any, **kwargs: Any) -> None:
        kind = type(self).__name__
        if len(args) > len(names):
            raise ConfigError(f"{kind}: expected at most {len(names)} arguments, got {len(args)}")
        values = dict(zip(names, args, strict=False))
        for name, value in kwargs.items():
            if name in values:
                raise ConfigError(f"{kind}: expected {name} once, got it twice")
            if name not in options:
                near = difflib.get_close_matches(name, names, 1)
                remedy = f"Did you mean {near[0]}?" if near else f"It takes {', '.join(names)}."
                raise ConfigError(f'{kind}: got the unknown argument "{name}". {remedy}')
            values[name] = value
        for name, default in options.items():
            value = values.get(name, default)
            if value is _REQUIRED:
                raise ConfigError(f"{kind}: expected the argument {name}, got none")
            setattr(self, name, value)
        self._finish()
        _core.check(self._family, self._json())

    return __init__


def _plain(value: Any, owner: type) -> Any:
    """A field's value as JSON can hold it."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item, owner) for item in value]
    if isinstance(value, Configured):
        return serialize(value)
    if value is None or isinstance(value, bool | int | float | str | dict):
        return value
    raise ConfigError(
        f"{owner.__name__}: expected a number, a name or an object of lamina, got {value!r}"
    )


def serialize(obj: Any) -> Any:
    """The object as {"class_name", "config"}; one of lamina's functions as its name."""
    if isinstance(obj, Configured):
        return {"class_name": type(obj).__name__, "config": obj.get_config()}
    if inspect.isfunction(obj) and obj.__module__.startswith("lamina."):
        return obj.__name__
    raise ConfigError(f"expected an object of lamina, got {obj!r}")


class Family(Generic[T]):
    """The classes of one kind by name: what `get` and `deserialize` choose from.

    Args:
        base: What all of them are.
        classes: The classes.
        aliases: Further names, such as "mse".
    """

    def __init__(self, base: type[T], classes: Iterable[type[T]], aliases: Mapping[str, type[T]]):
        self._base = base
        self._classes = {_folded(cls.__name__): cls for cls in classes}
        self._classes |= {_folded(name): cls for name, cls in aliases.items()}

    def named(self, name: str, custom_objects: Mapping[str, Any] | None = None) -> type[T]:
        """The class of this name; nothing is ever imported by name."""
        if custom_objects and name in custom_objects:
            found: type[T] = custom_objects[name]
            return found
        if _folded(name) in self._classes:
            return self._classes[_folded(name)]
        family = self._base._family
        near = difflib.get_close_matches(_folded(name), self._classes, 1)
        remedy = f'. Did you mean "{self._classes[near[0]].__name__}"?' if near else ""
        raise ConfigError(f'expected the name of {_article(family)}, got "{name}"{remedy}')

    def deserialize(self, config: Any, custom_objects: Mapping[str, Any] | None = None) -> T:
        """The object that `serialize` described: a name, or {"class_name", "config"}."""
        if isinstance(config, str):
            return self.named(config, custom_objects)()
        if not isinstance(config, Mapping) or not isinstance(config.get("class_name"), str):
            family = _article(self._base._family)
            raise ConfigError(f"expected {family} as {{class_name, config}}, got {config!r:.80}")
        cls = self.named(config["class_name"], custom_objects)
        return cls.from_config(dict(config.get("config") or {}))

    def get(self, identifier: Any) -> Any:
        """The object that a name, a config, a class or an object means; None stays None."""
        if identifier is None or isinstance(identifier, self._base):
            return identifier
        if isinstance(identifier, type) and issubclass(identifier, self._base):
            return identifier()
        if callable(identifier):
            return identifier
        return self.deserialize(identifier)


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


def _article(family: str) -> str:
    return f"{'an' if family[0] in 'aeiou' else 'a'} {family}"
