"""The share of predictions that are right."""

from __future__ import annotations

from typing import ClassVar

from lamina._configured import configured
from lamina.metrics.metric import Metric


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

    _direction: ClassVar[str] = "up"
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

    _direction: ClassVar[str] = "up"
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

    _direction: ClassVar[str] = "up"
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

    _direction: ClassVar[str] = "up"
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

    _direction: ClassVar[str] = "up"
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

    _direction: ClassVar[str] = "up"
    k: int = 5
    name: str = "sparse_top_k_categorical_accuracy"
    dtype: str | None = None
    from_sorted_ids: bool = False
