"""What training makes small: the classes, and the same as functions on arrays.

`compile(loss=...)` takes one as a name ("mse"), as an object, or as one of the functions below.
Called with targets and predictions, an object returns the loss as one number; a function returns
one value per sample (or per step of one), as in Keras.

Reductions: `"sum_over_batch_size"` and `"mean"` divide the sum of the values by their number,
`"mean_with_sample_weight"` by the sum of the weights; `"sum"` does not divide; `"none"` or None
returns the weighted values. Targets may lack a last axis of size 1 that predictions have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from lamina import _core, _session, config
from lamina._arrays import Array, as_array
from lamina._configured import Configured, Family, configured
from lamina._configured import serialize as _serialize

_SILENT = frozenset({"dtype"})


class Loss(Configured):
    """What all losses are."""

    _family: ClassVar[str] = "loss"
    _silent: ClassVar[frozenset[str]] = _SILENT
    name: str
    dtype: str | None

    def _finish(self) -> None:
        self.name = self.name or _session.snake_case(type(self).__name__)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss: a number of the predictions' type, or an array without a reduction.

        Args:
            y_true: Targets.
            y_pred: Predictions.
            sample_weight: One weight for each sample, or one for each value.

        Raises:
            ShapeError: targets or weights that do not fit the predictions.
            DataError: targets that are NaN or infinite, or labels out of range.
        """
        return _evaluate(self._json(), y_true, y_pred, sample_weight, self.dtype)

    def call(self, y_true: Any, y_pred: Any) -> Array:
        """The values before weights and reduction."""
        options = self.get_config() | {"reduction": None}
        described = json.dumps({"class_name": type(self).__name__, "config": options})
        values: Array = _evaluate(described, y_true, y_pred, None, self.dtype)
        return values


def _evaluate(
    described: str, y_true: Any, y_pred: Any, sample_weight: Any, dtype: str | None
) -> Any:
    if dtype is None:
        dtype = "float64" if getattr(y_pred, "dtype", None) == np.float64 else config.floatx()
    target = as_array(y_true, "y_true", dtype, ids="Sparse" in described)
    prediction = as_array(y_pred, "y_pred", dtype)
    weight = None
    if sample_weight is not None:
        weight = as_array(np.atleast_1d(sample_weight), "sample_weight", dtype)
    loss = _core.loss(described, target, prediction, weight, dtype=dtype)
    return np.dtype(dtype).type(loss) if isinstance(loss, float) else loss


def _values(kind: str, y_true: Any, y_pred: Any, **options: Any) -> Array:
    """One value per unit."""
    described = json.dumps({"class_name": kind, "config": options | {"reduction": None}})
    values: Array = _evaluate(described, y_true, y_pred, None, None)
    return values


@configured
class MeanSquaredError(Loss):
    """`mean((y_true - y_pred) ** 2)` over the last axis.

    Args:
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: targets of another shape than the predictions.

    Example:
        >>> loss = MeanSquaredError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]])
        >>> float(loss)
        0.5
    """

    reduction: str | None = "sum_over_batch_size"
    name: str = "mean_squared_error"
    dtype: str | None = None


@configured
class MeanAbsoluteError(Loss):
    """`mean(|y_true - y_pred|)` over the last axis.

    Args:
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: targets of another shape than the predictions.

    Example:
        >>> loss = MeanAbsoluteError()([[0.0, 1.0], [0.0, 0.0]], [[2.0, 1.0], [1.0, 0.0]])
        >>> float(loss)
        0.75
    """

    reduction: str | None = "sum_over_batch_size"
    name: str = "mean_absolute_error"
    dtype: str | None = None


@configured
class BinaryCrossentropy(Loss):
    """`-mean(t * log(p) + (1 - t) * log(1 - p))` for targets `t` of 0 and 1.

    Probabilities are kept within `[1e-7, 1 - 1e-7]`; logits, and a sigmoid layer just before the
    loss in a model, are computed in a form that is exact for numbers of any size.

    Args:
        from_logits: Whether predictions are what goes into a sigmoid, not probabilities.
        label_smoothing: Moves targets towards 1/2: `t * (1 - s) + s / 2`.
        axis: The axis of the mean.
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: label_smoothing outside 0 to 1; unknown reduction.
        ShapeError: targets of another shape than the predictions.

    Example:
        >>> loss = BinaryCrossentropy(from_logits=True)([[0.0], [1.0]], [[-20.0], [30.0]])
        >>> bool(loss < 1e-8)
        True
    """

    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: str | None = "sum_over_batch_size"
    name: str = "binary_crossentropy"
    dtype: str | None = None


@configured
class CategoricalCrossentropy(Loss):
    """`-sum(t * log(p))` over the classes, for one-hot targets `t`.

    Probabilities are divided by their sum and kept within `[1e-7, 1 - 1e-7]`; logits, and a softmax
    layer just before the loss in a model, are computed by log-sum-exp.

    Args:
        from_logits: Whether predictions are what goes into a softmax, not probabilities.
        label_smoothing: Moves targets towards equal shares: `t * (1 - s) + s / classes`.
        axis: The axis of the classes.
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: label_smoothing outside 0 to 1; unknown reduction.
        ShapeError: targets of another shape than the predictions, such as class numbers.

    Example:
        >>> loss = CategoricalCrossentropy()([[0.0, 1.0, 0.0]], [[0.25, 0.5, 0.25]])
        >>> round(float(loss), 4)
        0.6931
    """

    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: str | None = "sum_over_batch_size"
    name: str = "categorical_crossentropy"
    dtype: str | None = None


@configured
class SparseCategoricalCrossentropy(Loss):
    """`-log(p[label])` for targets that are class numbers.

    Probabilities are divided by their sum and kept within `[1e-7, 1 - 1e-7]`; logits, and a softmax
    layer just before the loss in a model, are computed by log-sum-exp.

    Args:
        from_logits: Whether predictions are what goes into a softmax, not probabilities.
        ignore_class: A label whose samples do not count, often 0 or -1.
        reduction: How values become one number; see `lamina.losses`.
        axis: The axis of the classes.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: targets that are not one label per sample.
        DataError: a label that is no class.

    Example:
        >>> loss = SparseCategoricalCrossentropy()([1], [[0.25, 0.5, 0.25]])
        >>> round(float(loss), 4)
        0.6931
    """

    from_logits: bool = False
    ignore_class: int | None = None
    reduction: str | None = "sum_over_batch_size"
    axis: int = -1
    name: str = "sparse_categorical_crossentropy"
    dtype: str | None = None


def mean_squared_error(y_true: Any, y_pred: Any) -> Array:
    """`mean((y_true - y_pred) ** 2)` over the last axis.

    Example:
        >>> mean_squared_error(np.zeros((2, 2)), np.ones((2, 2)))
        array([1., 1.])
    """
    return _values("MeanSquaredError", y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Array:
    """`mean(|y_true - y_pred|)` over the last axis.

    Example:
        >>> mean_absolute_error(np.zeros((2, 2)), np.ones((2, 2)))
        array([1., 1.])
    """
    return _values("MeanAbsoluteError", y_true, y_pred)


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """The values of `BinaryCrossentropy`.

    Example:
        >>> binary_crossentropy(np.ones((2, 1)), np.full((2, 1), 0.5)).round(4)
        array([0.6931, 0.6931])
    """
    options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
    return _values("BinaryCrossentropy", y_true, y_pred, **options)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """The values of `CategoricalCrossentropy`.

    Example:
        >>> categorical_crossentropy(np.eye(2), np.full((2, 2), 0.5)).round(4)
        array([0.6931, 0.6931])
    """
    options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
    return _values("CategoricalCrossentropy", y_true, y_pred, **options)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Array:
    """The values of `SparseCategoricalCrossentropy`.

    Example:
        >>> sparse_categorical_crossentropy([0, 1], np.full((2, 2), 0.5)).round(4)
        array([0.6931, 0.6931])
    """
    options = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
    return _values("SparseCategoricalCrossentropy", y_true, y_pred, **options)


_classes: tuple[type[Loss], ...] = (
    MeanSquaredError,
    MeanAbsoluteError,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
_aliases: dict[str, type[Loss]] = {
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "bce": BinaryCrossentropy,
}
_family = Family(Loss, _classes, _aliases)


def get(identifier: Any) -> Any:
    """The loss that a name, a config, a class, an object or a function means; None stays None.

    Example:
        >>> get("mse").name
        'mean_squared_error'
    """
    return _family.get(identifier)


def serialize(loss: Any) -> Any:
    """The loss as {"class_name", "config"}; a function as its name.

    Example:
        >>> serialize(mean_squared_error)
        'mean_squared_error'
    """
    return _serialize(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Loss:
    """The loss that `serialize` described."""
    return _family.deserialize(name, custom_objects)
