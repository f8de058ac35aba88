"""Losses of margins: predictions should be on the right side, and by at least 1."""

from __future__ import annotations

from typing import Any

from lamina._arrays import Array
from lamina._configured import configured
from lamina.losses.loss import Loss, values_of


@configured
class Hinge(Loss):
    """`mean(max(1 - y_true * y_pred, 0))` over the last axis.

    Targets are -1 and 1; if a batch holds only 0 and 1 they are read as -1 and 1.

    Args:
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: targets of another shape than the predictions.

    Example:
        >>> round(float(Hinge()([[1.0, -1.0]], [[0.5, 0.5]])), 4)
        1.0
    """

    reduction: str | None = "sum_over_batch_size"
    name: str = "hinge"
    dtype: str | None = None


@configured
class SquaredHinge(Loss):
    """`mean(max(1 - y_true * y_pred, 0) ** 2)` over the last axis.

    Targets are -1 and 1; if a batch holds only 0 and 1 they are read as -1 and 1.

    Args:
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: targets of another shape than the predictions.

    Example:
        >>> float(SquaredHinge()([[1.0, -1.0]], [[0.5, 0.5]]))
        1.25
    """

    reduction: str | None = "sum_over_batch_size"
    name: str = "squared_hinge"
    dtype: str | None = None


@configured
class CategoricalHinge(Loss):
    """`max(neg - pos + 1, 0)`, for one-hot targets.

    `pos = sum(y_true * y_pred)` and `neg = max((1 - y_true) * y_pred)` over the last axis.

    Args:
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: targets of another shape than the predictions.

    Example:
        >>> float(CategoricalHinge()([[0.0, 1.0]], [[0.25, 0.5]]))
        0.75
    """

    reduction: str | None = "sum_over_batch_size"
    name: str = "categorical_hinge"
    dtype: str | None = None


def hinge(y_true: Any, y_pred: Any) -> Array:
    """`mean(max(1 - y_true * y_pred, 0))` over the last axis.

    Example:
        >>> hinge([[1.0]], [[0.5]])
        array([0.5], dtype=float32)
    """
    return values_of("Hinge", y_true, y_pred)


def squared_hinge(y_true: Any, y_pred: Any) -> Array:
    """`mean(max(1 - y_true * y_pred, 0) ** 2)` over the last axis.

    Example:
        >>> squared_hinge([[1.0]], [[0.5]])
        array([0.25], dtype=float32)
    """
    return values_of("SquaredHinge", y_true, y_pred)


def categorical_hinge(y_true: Any, y_pred: Any) -> Array:
    """The values of `CategoricalHinge`.

    Example:
        >>> categorical_hinge([[0.0, 1.0]], [[0.25, 0.5]])
        array([0.75], dtype=float32)
    """
    return values_of("CategoricalHinge", y_true, y_pred)
