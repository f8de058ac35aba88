"""Reading the arguments that every layer takes: names, number types, shapes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lamina import config
from lamina._session import unique_name
from lamina.errors import ConfigError, ShapeError
from lamina.layers.symbolic import Shape

FLOATS = ("float32", "float64")


def layer_name(name: Any, kind: str) -> str:
    """The name that was given, or the next free one for this kind of layer."""
    if name is None:
        return unique_name(kind)
    if not isinstance(name, str) or not name or "/" in name:
        raise ConfigError(
            f'{kind}: expected a name without "/", got {name!r}. '
            'Names stand before the "/" of a weight\'s path'
        )
    return name


def float_dtype(dtype: Any, kind: str) -> str:
    """The number type of a layer; Keras's policies of that name mean the same."""
    if dtype is None:
        return config.floatx()
    found = dtype_name(dtype)
    if found not in FLOATS:
        raise ConfigError(f"{kind}: expected dtype 'float32' or 'float64', got {found!r}")
    return found


def dtype_name(dtype: Any) -> str:
    """The name of a type given as string, numpy type, or Keras policy config."""
    if isinstance(dtype, Mapping):  # {"class_name": "DTypePolicy", "config": {"name": …}}
        dtype = dtype.get("config", {}).get("name")
    try:
        return str(np.dtype(dtype))
    except TypeError:
        return str(dtype)


def shape_of(shape: Any, who: str) -> Shape:
    """A shape as a tuple of sizes, None where unknown."""
    try:
        sizes = tuple(None if size is None else operator.index(size) for size in shape)
    except TypeError:
        raise ShapeError(
            f"{who}: expected a shape such as (28, 28, 1), got {shape!r}. "
            "A single size is written (size,)"
        ) from None
    if any(size is not None and size < 0 for size in sizes):
        raise ShapeError(f"{who}: expected sizes from 0, or None where unknown, got {shape!r}")
    return sizes


def is_shape(value: Any) -> bool:
    """Whether the value is one shape and not a structure of several."""
    return isinstance(value, list | tuple) and all(
        size is None or hasattr(size, "__index__") for size in value
    )


def shapes_of(shapes: Any) -> list[Shape]:
    """One shape, or a list of several, as a list."""
    if is_shape(shapes):
        return [tuple(shapes)]
    values = shapes.values() if isinstance(shapes, Mapping) else shapes
    return [shape_of(shape, "build") for shape in values]


def flat_shapes(shapes: Any) -> list[Shape]:
    """The shapes in a structure, in the order of `_tree.flatten`."""
    if is_shape(shapes):
        return [tuple(shapes)]
    keys = sorted(shapes) if isinstance(shapes, Mapping) else range(len(shapes))
    return [shape for key in keys for shape in flat_shapes(shapes[key])]


def map_shapes(function: Callable[[Shape], Any], shapes: Any) -> Any:
    """The structure with the function applied to each shape in it."""
    if is_shape(shapes):
        return function(tuple(shapes))
    if isinstance(shapes, Mapping):
        mapped = {key: map_shapes(function, shapes[key]) for key in sorted(shapes)}
        return {key: mapped[key] for key in shapes}
    return [map_shapes(function, shape) for shape in shapes]
