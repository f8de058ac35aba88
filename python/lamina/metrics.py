"""What is reported of training: streaming means over batches.

`compile(metrics=[...])` takes one as a name or as an object; "accuracy" (or "acc") means the one
that fits the model's output. An object can also be fed by hand: `update_state` takes a batch in,
`result` returns the number so far, `reset_state` starts again, and a call does the first two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from lamina import _core, _session, config
from lamina._arrays import as_array
from lamina._configured import Configured, Family, configured
from lamina._configured import serialize as _serialize
from lamina.losses import (
    binary_crossentropy,
    categorical_crossentropy,
    mean_absolute_error,
    mean_squared_error,
    sparse_categorical_crossentropy,
)


class Metric(Configured):
    """What all metrics are."""

    _family: ClassVar[str] = "metric"
    _silent: ClassVar[frozenset[str]] = frozenset({"dtype"})
    name: str
    dtype: str | None

    def _finish(self) -> None:
        self.name = self.name or _session.snake_case(type(self).__name__)

    def _engine(self) -> _core.Metric:
        engine = self.__dict__.get("_running")
        if engine is None:
            engine = self._running = _core.Metric(self._json(), self._type())
        return engine

    def _type(self) -> str:
        return self.dtype or config.floatx()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch in.

        Args:
            y_true: Targets.
            y_pred: Predictions.
            sample_weight: One weight for each sample, or one for each value.

        Raises:
            ShapeError: targets or weights that do not fit the predictions.
        """
        target = as_array(y_true, "y_true", self._type())
        self._update(target, y_pred, "y_pred", sample_weight)

    def _update(self, target: Any, values: Any, where: str, sample_weight: Any) -> None:
        weight = None
        if sample_weight is not None:
            weight = as_array(np.atleast_1d(sample_weight), "sample_weight", self._type())
        self._engine().update(target, as_array(values, where, self._type()), weight)

    def result(self) -> Any:
        """The number so far, 0 if nothing came."""
        return np.dtype(self._type()).type(self._engine().result())

    def reset_state(self) -> None:
        """Forget all batches."""
        self._engine().reset_state()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take a batch in and return the number so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def __getstate__(self) -> dict[str, Any]:
        state = {k: v for k, v in self.__dict__.items() if k != "_running"}
        return state | {"_numbers": self._engine().state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        numbers = state.pop("_numbers")
        self.__dict__.update(state)
        self._engine().set_state(numbers)


class _OfValues(Metric):
    """Metrics of plain values."""

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take values in.

        Args:
            values: An array, or one number.
            sample_weight: One weight for each row, or one for each value.

        Raises:
            ShapeError: weights that do not fit the values.
        """
        self._update(None, np.atleast_1d(values), "values", sample_weight)


@configured
class Mean(_OfValues):
    """The weighted mean of values.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Example:
        >>> metric = Mean()
        >>> metric.update_state([1, 3, 5, 7])
        >>> float(metric.result())
        4.0
    """

    name: str = "mean"
    dtype: str | None = None


@configured
class Sum(_OfValues):
    """The weighted sum of values.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Example:
        >>> float(Sum()([1, 3, 5, 7], sample_weight=[1, 1, 0, 0]))
        4.0
    """

    name: str = "sum"
    dtype: str | None = None


@configured
class MeanSquaredError(Metric):
    """The mean of `(y_true - y_pred) ** 2`.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Example:
        >>> float(MeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [0, 0]]))
        0.25
    """

    name: str = "mean_squared_error"
    dtype: str | None = None


@configured
class RootMeanSquaredError(Metric):
    """The square root of the mean of `(y_true - y_pred) ** 2` over all batches.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Example:
        >>> float(RootMeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [0, 0]]))
        0.5
    """

    name: str = "root_mean_squared_error"
    dtype: str | None = None


@configured
class MeanAbsoluteError(Metric):
    """The mean of `|y_true - y_pred|`.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Example:
        >>> float(MeanAbsoluteError()([[0, 1], [0, 0]], [[1, 1], [0, 0]]))
        0.25
    """

    name: str = "mean_absolute_error"
    dtype: str | None = None


@configured
class BinaryCrossentropy(Metric):
    """The mean of the loss of the same name.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        from_logits: Whether predictions are logits, not probabilities.
        label_smoothing: Moves targets towards 1/2.

    Raises:
        ConfigError: label_smoothing outside 0 to 1.

    Example:
        >>> metric = BinaryCrossentropy()
        >>> round(float(metric([[1], [0]], [[0.5], [0.5]])), 4)
        0.6931
    """

    name: str = "binary_crossentropy"
    dtype: str | None = None
    from_logits: bool = False
    label_smoothing: float = 0


@configured
class CategoricalCrossentropy(Metric):
    """The mean of the loss of the same name.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        from_logits: Whether predictions are logits, not probabilities.
        label_smoothing: Moves targets towards equal shares.
        axis: The axis of the classes.

    Raises:
        ConfigError: label_smoothing outside 0 to 1.

    Example:
        >>> metric = CategoricalCrossentropy()
        >>> round(float(metric([[1, 0]], [[0.5, 0.5]])), 4)
        0.6931
    """

    name: str = "categorical_crossentropy"
    dtype: str | None = None
    from_logits: bool = False
    label_smoothing: float = 0
    axis: int = -1


@configured
class SparseCategoricalCrossentropy(Metric):
    """The mean of the loss of the same name.

    As in Keras, samples of `ignore_class` are left out of the mean only where there are sample
    weights or a mask; else they count as 0.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        from_logits: Whether predictions are logits, not probabilities.
        ignore_class: A label whose samples do not count.
        axis: The axis of the classes.

    Example:
        >>> metric = SparseCategoricalCrossentropy()
        >>> round(float(metric([1], [[0.5, 0.5]])), 4)
        0.6931
    """

    name: str = "sparse_categorical_crossentropy"
    dtype: str | None = None
    from_logits: bool = False
    ignore_class: int | None = None
    axis: int = -1


@configured
class Accuracy(Metric):
    """The share of predictions that equal their targets.

    For classifiers use "accuracy" in `compile`, which means one of the classes below.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Example:
        >>> float(Accuracy()([[1], [2], [3], [4]], [[0], [2], [3], [4]]))
        0.75
    """

    name: str = "accuracy"
    dtype: str | None = None


@configured
class BinaryAccuracy(Metric):
    """The share of predictions on the right side of a threshold, for targets of 0 and 1.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        threshold: Predictions above it count as 1.

    Example:
        >>> float(BinaryAccuracy()([[1], [1], [0], [0]], [[0.98], [1], [0], [0.6]]))
        0.75
    """

    name: str = "binary_accuracy"
    dtype: str | None = None
    threshold: float = 0.5


@configured
class CategoricalAccuracy(Metric):
    """How often the largest prediction is at the largest target, along the last axis.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Example:
        >>> float(CategoricalAccuracy()([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]]))
        0.5
    """

    name: str = "categorical_accuracy"
    dtype: str | None = None


@configured
class SparseCategoricalAccuracy(Metric):
    """How often the largest prediction is at the label, along the last axis.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Example:
        >>> float(SparseCategoricalAccuracy()([2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0]]))
        0.5
    """

    name: str = "sparse_categorical_accuracy"
    dtype: str | None = None


@configured
class TopKCategoricalAccuracy(Metric):
    """How often the largest target is among the `k` largest predictions.

    Args:
        k: How many predictions count.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Example:
        >>> metric = TopKCategoricalAccuracy(k=2)
        >>> float(metric([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.4, 0.1, 0.5]]))
        0.5
    """

    k: int = 5
    name: str = "top_k_categorical_accuracy"
    dtype: str | None = None


@configured
class SparseTopKCategoricalAccuracy(Metric):
    """How often the label is among the `k` largest predictions.

    Args:
        k: How many predictions count.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        from_sorted_ids: Whether predictions are class numbers, the likeliest first.

    Example:
        >>> metric = SparseTopKCategoricalAccuracy(k=2)
        >>> float(metric([2, 1], [[0.1, 0.9, 0.8], [0.4, 0.1, 0.5]]))
        0.5
    """

    k: int = 5
    name: str = "sparse_top_k_categorical_accuracy"
    dtype: str | None = None
    from_sorted_ids: bool = False


_classes: tuple[type[Metric], ...] = (
    Mean,
    Sum,
    MeanSquaredError,
    RootMeanSquaredError,
    MeanAbsoluteError,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    TopKCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
)
_aliases: dict[str, type[Metric]] = {
    "mse": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "bce": BinaryCrossentropy,
}
_family = Family(Metric, _classes, _aliases)

__all__ = [
    *(cls.__name__ for cls in _classes),
    "Metric",
    "binary_crossentropy",
    "categorical_crossentropy",
    "deserialize",
    "get",
    "mean_absolute_error",
    "mean_squared_error",
    "serialize",
    "sparse_categorical_crossentropy",
]


def get(identifier: Any) -> Any:
    """The metric that a name, a config, a class or an object means; None stays None.

    Example:
        >>> get("mse").name
        'mean_squared_error'
    """
    return _family.get(identifier)


def serialize(metric: Any) -> Any:
    """The metric as {"class_name", "config"}.

    Example:
        >>> serialize(Mean())
        {'class_name': 'Mean', 'config': {'name': 'mean'}}
    """
    return _serialize(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Metric:
    """The metric that `serialize` described."""
    return _family.deserialize(config, custom_objects)
