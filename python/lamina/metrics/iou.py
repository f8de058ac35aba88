"""How far what is true and what was said overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from lamina._configured import configured
from lamina.metrics.metric import Metric


@configured
class IoU(Metric):
    """The overlap of some classes, `tp / (tp + fp + fn)`, averaged over those that occur.

    Weights may be any numbers; Keras rounds them to integers unless given a float dtype.

    Args:
        num_classes: How many classes there are.
        target_class_ids: The classes to average over.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        ignore_class: A label that does not count.
        sparse_y_true: Whether targets are labels, not one-hot.
        sparse_y_pred: Whether predictions are labels, not scores of the classes.
        axis: The axis of the classes, where they are not labels.

    Raises:
        ConfigError: a class number that is none.
        ShapeError: another number of classes along the axis; targets that do not fit.

    Example:
        >>> round(float(IoU(2, [0])([0, 0, 1, 1], [0, 1, 0, 1])), 4)
        0.3333
    """

    _direction: ClassVar[str] = "up"
    num_classes: int
    target_class_ids: Sequence[int]
    name: Any = None
    dtype: str | None = None
    ignore_class: int | None = None
    sparse_y_true: bool = True
    sparse_y_pred: bool = True
    axis: int = -1


@configured
class BinaryIoU(Metric):
    """The overlap of 0 and 1, `tp / (tp + fp + fn)`, for predictions that a threshold divides.

    Args:
        target_class_ids: The classes to average over: 0, 1 or both.
        threshold: Predictions that reach it count as 1.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Raises:
        ConfigError: a class number that is neither 0 nor 1.
        ShapeError: targets that do not fit.

    Example:
        >>> metric = BinaryIoU(threshold=0.3)
        >>> round(float(metric([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])), 4)
        0.3333
    """

    _direction: ClassVar[str] = "up"
    target_class_ids: Sequence[int] = (0, 1)
    threshold: float = 0.5
    name: Any = None
    dtype: str | None = None


@configured
class MeanIoU(Metric):
    """The overlap of all classes, `tp / (tp + fp + fn)`, averaged over those that occur.

    Args:
        num_classes: How many classes there are.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        ignore_class: A label that does not count.
        sparse_y_true: Whether targets are labels, not one-hot.
        sparse_y_pred: Whether predictions are labels, not scores of the classes.
        axis: The axis of the classes, where they are not labels.

    Raises:
        ConfigError: no classes.
        ShapeError: another number of classes along the axis; targets that do not fit.

    Example:
        >>> round(float(MeanIoU(2)([0, 0, 1, 1], [0, 1, 0, 1])), 4)
        0.3333
    """

    _direction: ClassVar[str] = "up"
    num_classes: int
    name: Any = None
    dtype: str | None = None
    ignore_class: int | None = None
    sparse_y_true: bool = True
    sparse_y_pred: bool = True
    axis: int = -1


@configured
class OneHotIoU(Metric):
    """`IoU` for one-hot targets and scores of the classes.

    Args:
        num_classes: How many classes there are.
        target_class_ids: The classes to average over.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        ignore_class: A class that does not count.
        sparse_y_pred: Whether predictions are labels, not scores of the classes.
        axis: The axis of the classes.

    Raises:
        ConfigError: a class number that is none.
        ShapeError: another number of classes along the axis; targets that do not fit.

    Example:
        >>> metric = OneHotIoU(2, target_class_ids=[0])
        >>> round(float(metric([[1, 0], [0, 1], [1, 0]], [[0.8, 0.2], [0.4, 0.6], [0.1, 0.9]])), 4)
        0.5
    """

    _direction: ClassVar[str] = "up"
    num_classes: int
    target_class_ids: Sequence[int]
    name: Any = None
    dtype: str | None = None
    ignore_class: int | None = None
    sparse_y_pred: bool = False
    axis: int = -1


@configured
class OneHotMeanIoU(Metric):
    """`MeanIoU` for one-hot targets and scores of the classes.

    Args:
        num_classes: How many classes there are.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        ignore_class: A class that does not count.
        sparse_y_pred: Whether predictions are labels, not scores of the classes.
        axis: The axis of the classes.

    Raises:
        ConfigError: no classes.
        ShapeError: another number of classes along the axis; targets that do not fit.

    Example:
        >>> metric = OneHotMeanIoU(2)
        >>> round(float(metric([[1, 0], [0, 1], [1, 0]], [[0.8, 0.2], [0.4, 0.6], [0.1, 0.9]])), 4)
        0.5
    """

    _direction: ClassVar[str] = "up"
    num_classes: int
    name: Any = None
    dtype: str | None = None
    ignore_class: int | None = None
    sparse_y_pred: bool = False
    axis: int = -1
