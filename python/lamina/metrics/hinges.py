"""Margins of decisions."""

from __future__ import annotations

from typing import ClassVar

from lamina._configured import configured
from lamina.metrics.metric import Metric


@configured
class Hinge(Metric):
    """The mean of `max(1 - y_true * y_pred, 0)`, for targets of -1 and 1 or of 0 and 1.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Example:
        >>> round(float(Hinge()([[1.0], [0.0]], [[0.5], [0.5]])), 4)
        1.0
    """

    _direction: ClassVar[str] = "down"
    name: str = "hinge"
    dtype: str | None = None


@configured
class SquaredHinge(Metric):
    """The mean of `max(1 - y_true * y_pred, 0) ** 2`, for targets of -1 and 1 or 0 and 1.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Example:
        >>> round(float(SquaredHinge()([[1.0], [0.0]], [[0.5], [0.5]])), 4)
        1.25
    """

    _direction: ClassVar[str] = "down"
    name: str = "squared_hinge"
    dtype: str | None = None


@configured
class CategoricalHinge(Metric):
    """The mean of `max(largest wrong - right + 1, 0)`, for one-hot targets.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Example:
        >>> round(float(CategoricalHinge()([[0.0, 1.0]], [[0.25, 0.75]])), 4)
        0.5
    """

    _direction: ClassVar[str] = "down"
    name: str = "categorical_hinge"
    dtype: str | None = None
