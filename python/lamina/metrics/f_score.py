"""Harmonic means of precision and recall."""

from __future__ import annotations

from typing import ClassVar

from lamina._configured import configured
from lamina.metrics.metric import Metric


@configured
class FBetaScore(Metric):
    """`(1 + beta ** 2) * precision * recall / (beta ** 2 * precision + recall)` of each class.

    Args:
        average: How the scores of the classes become one: `"micro"` (that of all counts together),
            `"macro"` (their mean), `"weighted"` (by how often a class is true), or None for all of
            them.
        beta: How much more recall counts than precision.
        threshold: Predictions above it count; the largest of a row if None.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Raises:
        ConfigError: beta not above 0; threshold outside 0 to 1; another average.
        ShapeError: targets and predictions that are not both `(batch, classes)`.

    Example:
        >>> score = FBetaScore(beta=2.0, threshold=0.5)
        >>> score([[1, 1, 1], [1, 0, 0]], [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6]]).round(4)
        array([0.    , 0.8333, 0.8333], dtype=float32)
    """

    _direction: ClassVar[str] = "up"
    average: str | None = None
    beta: float = 1.0
    threshold: float | None = None
    name: str = "fbeta_score"
    dtype: str | None = None


@configured
class F1Score(Metric):
    """`2 * precision * recall / (precision + recall)` of each class.

    Args:
        average: How the scores of the classes become one: `"micro"` (that of all counts together),
            `"macro"` (their mean), `"weighted"` (by how often a class is true), or None for all of
            them.
        threshold: Predictions above it count; the largest of a row if None.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Raises:
        ConfigError: threshold outside 0 to 1; another average.
        ShapeError: targets and predictions that are not both `(batch, classes)`.

    Example:
        >>> score = F1Score(average="macro")
        >>> round(float(score([[1, 0], [0, 1], [0, 1]], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])), 4)
        0.6667
    """

    _direction: ClassVar[str] = "up"
    average: str | None = None
    threshold: float | None = None
    name: str = "f1_score"
    dtype: str | None = None
