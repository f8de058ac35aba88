"""Data as users have it becomes lists of arrays in the order of the model's inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import _tree
from lamina._arrays import Array, as_array, read
from lamina._ragged import Ragged
from lamina.errors import ConfigError, DataError, ShapeError
from lamina.layers.calling import is_data, map_data

if TYPE_CHECKING:
    from lamina.layers.symbolic import SymbolicTensor
    from lamina.models.compiling import Plan
    from lamina.models.graph import Graph


@dataclass
class Arrays:
    """Samples ready for the engine: a target and weights (or None) for each output."""

    inputs: list[Array]
    targets: list[Array | None]
    weights: list[Array | None]

    @property
    def rows(self) -> int:
        """The number of samples."""
        return int(self.inputs[0].shape[0])


def convert_inputs(graph: Graph, dtype: str, x: Any) -> list[Array]:
    """x as one array per input of the model.

    Raises:
        DtypeError, ShapeError, DataError: see `as_array`; and other inputs than the model has.
    """
    values = _by_name("x", x, graph.inputs, graph.input_names, is_data)
    many = len(values) > 1
    arrays = []
    for value, tensor, name in zip(values, graph.flat_inputs, graph.input_names, strict=True):
        where = f'x["{name}"]' if many else "x"
        ids = "int" in tensor.dtype
        array = as_array(value, where, dtype, ids=ids, keep_bytes=True)
        arrays.append(_fit_rank(array, tensor))
    names = [f'x["{name}"]' if many else "x" for name in graph.input_names]
    _check_rows(list(zip(names, arrays, strict=True)))
    return arrays


def convert(
    graph: Graph,
    plan: Plan,
    dtype: str,
    x: Any,
    y: Any,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
) -> Arrays:
    """x, y and weights as the engine takes them.

    Raises:
        DtypeError, ShapeError, DataError: data that is no numbers, does not fit, or is empty.
        ConfigError: class_weight together with sample_weight or with several outputs.
    """
    inputs = convert_inputs(graph, dtype, x)
    names = graph.target_names
    values = _targets(graph, plan, y)
    wheres = [f'y["{names[i]}"]' if len(names) > 1 else "y" for i in plan.targets]
    targets = [
        as_array(value, where, dtype, ids=plan.sparse[i])
        for value, where, i in zip(values, wheres, plan.targets, strict=True)
    ]
    x_name = "x" if len(inputs) == 1 else f'x["{graph.input_names[0]}"]'
    _check_rows([(x_name, inputs[0]), *zip(wheres, targets, strict=True)])
    if class_weight is not None:
        if sample_weight is not None:
            raise ConfigError("expected class_weight or sample_weight, got both")
        if len(targets) != 1:
            raise ConfigError("expected one output with class_weight. Give sample_weight instead")
        sample_weight = weights_of_classes(targets[0], class_weight, plan.sparse[plan.targets[0]])
    weights = _weights(graph, plan, dtype, sample_weight)
    for weight in weights:
        if weight is not None:
            _check_rows([(x_name, inputs[0]), ("sample_weight", weight)])
    count = len(names)
    return Arrays(inputs, _spread(targets, plan, count), _spread(weights, plan, count))


def weights_of_classes(labels: Array, class_weight: Mapping[int, float], sparse: bool) -> Array:
    """A weight per label from one per class; classes left out weigh 1, as in Keras.

    Labels of a sequence or a picture get a weight each. They are class numbers where the loss is
    sparse or their last axis has size 1, else one-hot.
    """
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    elif labels.ndim > 1 and not sparse:
        labels = labels.argmax(-1)
    classes, places = np.unique(np.round(labels).astype(np.int64), return_inverse=True)
    weights = [float(class_weight.get(int(c), 1.0)) for c in classes]
    return np.asarray(weights)[places].reshape(labels.shape)


def split_validation(data: tuple[Any, Any, Any], share: float) -> tuple[Any, Any]:
    """The first samples to train on, the last to validate on; taken before any shuffling."""
    if not 0 < share < 1:
        raise ConfigError(f"fit: expected validation_split between 0 and 1, got {share}")
    arrays = map_data(lambda value: value if value is None else _sliceable(value), data)
    rows = {len(leaf) for leaf in _tree.flatten(arrays) if leaf is not None}
    count = min(rows, default=0)
    cut = int(np.floor(count * (1.0 - share)))
    if cut == 0 or cut == count:
        raise DataError(
            f"fit: validation_split={share} leaves no samples on one side of {count}. "
            "Give validation_data instead"
        )
    first = _tree.map_leaves(lambda value: None if value is None else value[:cut], arrays)
    last = _tree.map_leaves(lambda value: None if value is None else value[cut:], arrays)
    return first, last


def _sliceable(value: Any) -> Any:
    return value if isinstance(value, np.ndarray | Ragged) else read(value, "fit: validation_split")


def _by_name(what: str, given: Any, structure: Any, names: list[str], is_leaf: Any) -> list[Any]:
    """The values in the order of the names, from a dict, a list, a frame or a single value."""
    if _is_deep(structure):
        return _along(what, structure, given)
    if len(names) > 1 and set(names) <= set(_columns(given)):
        return [given[name] for name in names]
    if isinstance(given, Mapping):
        missing = [name for name in _keys(structure, names) if name not in given]
        if missing:
            raise ShapeError(
                f"{what}: expected the keys {', '.join(names)}, got {', '.join(map(str, given))}"
            )
        return [given[name] for name in _keys(structure, names)]
    many = isinstance(given, list | tuple) and not is_leaf(given)
    values = list(given) if many else [given]
    if len(values) != len(names):
        remedy = ". Stack samples first (np.stack)" if len(names) == 1 and len(values) > 1 else ""
        raise ShapeError(
            f"{what}: expected {len(names)} array{'s' * (len(names) > 1)} ({', '.join(names)}), "
            f"got {len(values)}{remedy}"
        )
    return values


def _is_deep(structure: Any) -> bool:
    branches = structure.values() if isinstance(structure, dict) else structure
    return _tree.is_nested(structure) and any(map(_tree.is_nested, branches))


def _along(what: str, structure: Any, given: Any) -> list[Any]:
    """The leaves of data that are nested as the model's own lists and dicts are."""
    if isinstance(structure, dict):
        if not isinstance(given, Mapping) or set(given) != set(structure):
            keys = ", ".join(map(str, structure))
            raise ShapeError(f"{what}: expected a dict with the keys {keys}, got {_kind(given)}")
        pairs = [(structure[key], given[key]) for key in sorted(structure)]
    elif _tree.is_nested(structure):
        if not isinstance(given, list | tuple) or len(given) != len(structure):
            raise ShapeError(
                f"{what}: expected a list of {len(structure)} as in the model, got {_kind(given)}"
            )
        pairs = list(zip(structure, given, strict=True))
    else:
        return [given]
    return [leaf for branch, value in pairs for leaf in _along(what, branch, value)]


def _kind(given: Any) -> str:
    if isinstance(given, Mapping):
        return f"the keys {', '.join(map(str, given))}"
    return f"{len(given)} items" if isinstance(given, list | tuple) else type(given).__name__


def _columns(given: Any) -> list[str]:
    """The names of the columns of a frame of pandas, polars or Arrow; none of anything else."""
    if isinstance(given, Mapping) or not hasattr(given, "__array__"):
        return []
    found = getattr(given, "column_names", None)
    return list(getattr(given, "columns", []) if found is None else found)


def _keys(structure: Any, names: list[str]) -> list[str]:
    """The keys of a dict of data: those of the model's own dict, else the layers' names."""
    return sorted(structure) if isinstance(structure, dict) else names


def _targets(graph: Graph, plan: Plan, y: Any) -> list[Any]:
    """One value per output that needs a target."""
    if not plan.targets:
        return []
    names = [graph.target_names[i] for i in plan.targets]
    if y is None:
        raise DataError(f"expected targets y for {', '.join(names)}, got none")
    if _is_deep(graph.outputs):
        leaves = _along("y", graph.outputs, y)
        return [leaves[i] for i in plan.targets]
    full = isinstance(y, list | tuple) and not is_data(y) and len(y) == len(graph.target_names)
    if full and len(plan.targets) < len(y):
        return [y[i] for i in plan.targets]
    return _by_name("y", y, None, names, is_data)


def _weights(graph: Graph, plan: Plan, dtype: str, given: Any) -> list[Array | None]:
    """One array or None per target; a single array serves them all."""
    if given is None:
        return [None] * len(plan.targets)
    names = [graph.target_names[i] for i in plan.targets]
    if _is_deep(graph.outputs) and _tree.is_nested(given) and not is_data(given):
        leaves = _along("sample_weight", graph.outputs, given)
        values = [leaves[i] for i in plan.targets]
    elif isinstance(given, Mapping):
        values = [given.get(name) for name in names]
    elif isinstance(given, list | tuple) and not is_data(given):
        values = _by_name("sample_weight", given, None, names, is_data)
    else:
        values = [given] * len(names)
    weights = [None if v is None else as_array(v, "sample_weight", dtype) for v in values]
    for weight in weights:
        if weight is not None and not np.isfinite(weight).all():
            raise DataError("sample_weight: expected finite weights, got NaN or inf among them")
    return weights


def _fit_rank(array: Array, tensor: SymbolicTensor) -> Array:
    """Keras's leniency: a last axis of size 1 may be missing or be too much."""
    if array.ndim == len(tensor.shape) + 1 and array.shape[-1] == 1:
        return array[..., 0]
    if array.ndim == len(tensor.shape) - 1 and tensor.shape[-1] == 1:
        return array[..., np.newaxis]
    return array


def _spread(arrays: Sequence[Array | None], plan: Plan, count: int) -> list[Array | None]:
    """One entry per output of the model, None for those without a target."""
    found = dict(zip(plan.targets, arrays, strict=True))
    return [found.get(i) for i in range(count)]


def _check_rows(named: Sequence[tuple[str, Array]]) -> None:
    first_name, first = named[0]
    if first.shape[0] == 0:
        raise DataError(f"{first_name}: expected at least one sample, got none")
    for name, array in named[1:]:
        if array.shape[0] != first.shape[0]:
            raise ShapeError(
                f"expected the same number of samples in {first_name} and {name}, "
                f"got {first.shape[0]} and {array.shape[0]}"
            )
