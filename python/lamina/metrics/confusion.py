"""Right and wrong decisions at thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from lamina._configured import configured
from lamina.metrics.metric import Metric


@configured
class TruePositives(Metric):
    """The weight of positive predictions that are right.

    Args:
        thresholds: Predictions above it count as positive; a list gives one number for each. 0.5 if
            None.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Raises:
        ConfigError: thresholds outside 0 to 1.

    Example:
        >>> float(TruePositives()([0, 1, 1, 1], [1, 0, 1, 1]))
        2.0
    """

    thresholds: float | Sequence[float] | None = None
    name: Any = None
    dtype: str | None = None


@configured
class TrueNegatives(Metric):
    """The weight of negative predictions that are right.

    Args:
        thresholds: Predictions above it count as positive; a list gives one number for each. 0.5 if
            None.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Raises:
        ConfigError: thresholds outside 0 to 1.

    Example:
        >>> float(TrueNegatives()([0, 1, 1, 1], [1, 0, 1, 1]))
        0.0
    """

    thresholds: float | Sequence[float] | None = None
    name: Any = None
    dtype: str | None = None


@configured
class FalsePositives(Metric):
    """The weight of positive predictions that are wrong.

    Args:
        thresholds: Predictions above it count as positive; a list gives one number for each. 0.5 if
            None.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Raises:
        ConfigError: thresholds outside 0 to 1.

    Example:
        >>> float(FalsePositives()([0, 1, 1, 1], [1, 0, 1, 1]))
        1.0
    """

    thresholds: float | Sequence[float] | None = None
    name: Any = None
    dtype: str | None = None


@configured
class FalseNegatives(Metric):
    """The weight of negative predictions that are wrong.

    Args:
        thresholds: Predictions above it count as positive; a list gives one number for each. 0.5 if
            None.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Raises:
        ConfigError: thresholds outside 0 to 1.

    Example:
        >>> float(FalseNegatives()([0, 1, 1, 1], [1, 0, 1, 1]))
        1.0
    """

    thresholds: float | Sequence[float] | None = None
    name: Any = None
    dtype: str | None = None


@configured
class Precision(Metric):
    """The share of positive predictions that are right: `tp / (tp + fp)`.

    Args:
        thresholds: Predictions above it count as positive; a list gives one number for each. 0.5 if
            None and there is no top_k.
        top_k: Only the k largest predictions of a row may be positive.
        class_id: The only class to look at, an index into the last axis.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Raises:
        ConfigError: thresholds outside 0 to 1.
        ShapeError: predictions without the class.

    Example:
        >>> round(float(Precision()([0, 1, 1, 1], [1, 0, 1, 1])), 4)
        0.6667
        >>> Precision(thresholds=[0.2, 0.7])([0, 1, 1], [0.5, 0.1, 0.9]).round(3)
        array([0.5, 1. ], dtype=float32)
    """

    _direction: ClassVar[str] = "up"
    thresholds: float | Sequence[float] | None = None
    top_k: int | None = None
    class_id: int | None = None
    name: Any = None
    dtype: str | None = None


@configured
class Recall(Metric):
    """The share of what is positive that is found: `tp / (tp + fn)`.

    Args:
        thresholds: Predictions above it count as positive; a list gives one number for each. 0.5 if
            None and there is no top_k.
        top_k: Only the k largest predictions of a row may be positive.
        class_id: The only class to look at, an index into the last axis.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Raises:
        ConfigError: thresholds outside 0 to 1.
        ShapeError: predictions without the class.

    Example:
        >>> round(float(Recall()([0, 1, 1, 1], [1, 0, 1, 1])), 4)
        0.6667
        >>> Recall(thresholds=[0.2, 0.7])([0, 1, 1], [0.5, 0.1, 0.9]).round(3)
        array([0.5, 0.5], dtype=float32)
    """

    _direction: ClassVar[str] = "up"
    thresholds: float | Sequence[float] | None = None
    top_k: int | None = None
    class_id: int | None = None
    name: Any = None
    dtype: str | None = None


@configured
class PrecisionAtRecall(Metric):
    """The largest precision where the recall is at least a given one.

    Args:
        recall: The recall to reach, 0 to 1.
        num_thresholds: How many thresholds from 0 to 1 are tried.
        class_id: The only class to look at, an index into the last axis.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Raises:
        ConfigError: recall outside 0 to 1, no thresholds.
        ShapeError: predictions without the class.

    Example:
        >>> float(PrecisionAtRecall(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
        0.5
    """

    _direction: ClassVar[str] = "up"
    recall: float
    num_thresholds: int = 200
    class_id: int | None = None
    name: Any = None
    dtype: str | None = None


@configured
class RecallAtPrecision(Metric):
    """The largest recall where the precision is at least a given one.

    Args:
        precision: The precision to reach, 0 to 1.
        num_thresholds: How many thresholds from 0 to 1 are tried.
        class_id: The only class to look at, an index into the last axis.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Raises:
        ConfigError: precision outside 0 to 1, no thresholds.
        ShapeError: predictions without the class.

    Example:
        >>> float(RecallAtPrecision(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
        1.0
    """

    _direction: ClassVar[str] = "up"
    precision: float
    num_thresholds: int = 200
    class_id: int | None = None
    name: Any = None
    dtype: str | None = None


@configured
class SensitivityAtSpecificity(Metric):
    """The largest sensitivity, `tp / (tp + fn)`, where the specificity is at least a given one.

    Args:
        specificity: The specificity to reach, 0 to 1.
        num_thresholds: How many thresholds from 0 to 1 are tried.
        class_id: The only class to look at, an index into the last axis.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Raises:
        ConfigError: specificity outside 0 to 1, no thresholds.
        ShapeError: predictions without the class.

    Example:
        >>> float(SensitivityAtSpecificity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
        0.5
    """

    _direction: ClassVar[str] = "up"
    specificity: float
    num_thresholds: int = 200
    class_id: int | None = None
    name: Any = None
    dtype: str | None = None


@configured
class SpecificityAtSensitivity(Metric):
    """The largest specificity, `tn / (tn + fp)`, where the sensitivity is at least a given one.

    Args:
        sensitivity: The sensitivity to reach, 0 to 1.
        num_thresholds: How many thresholds from 0 to 1 are tried.
        class_id: The only class to look at, an index into the last axis.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Raises:
        ConfigError: sensitivity outside 0 to 1, no thresholds.
        ShapeError: predictions without the class.

    Example:
        >>> float(SpecificityAtSensitivity(0.5)([0, 0, 0, 1, 1], [0, 0.3, 0.8, 0.3, 0.8]))
        0.6666666865348816
    """

    _direction: ClassVar[str] = "up"
    sensitivity: float
    num_thresholds: int = 200
    class_id: int | None = None
    name: Any = None
    dtype: str | None = None
