"""Losses of overlap, for masks of segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina._arrays import Array
from lamina._configured import configured
from lamina.losses.loss import Loss, values_of


@configured
class Dice(Loss):
    """`1 - 2 * sum(t * p) / (sum(t) + sum(p) + 1e-7)`.

    Args:
        axis: The axes summed over; all, batch included, if None.
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: targets of another shape than the predictions.

    References:
        Sudre et al., Generalised Dice Overlap, 2017.

    Example:
        >>> round(float(Dice()([[1.0, 1.0, 0.0]], [[1.0, 0.5, 0.5]])), 4)
        0.25
    """

    reduction: str | None = "sum_over_batch_size"
    name: str = "dice"
    axis: int | Sequence[int] | None = None
    dtype: str | None = None


@configured
class Tversky(Loss):
    """`1 - I / (I + alpha * sum((1 - p) * t) + beta * sum(p * (1 - t)) + 1e-7)`, `I = sum(t * p)`.

    Args:
        alpha: What is missed weighs this much.
        beta: What is found where there is nothing weighs this much.
        axis: The axes summed over; all, batch included, if None.
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: targets of another shape than the predictions.

    References:
        Salehi et al., Tversky Loss Function for Image Segmentation, 2017.

    Example:
        >>> round(float(Tversky()([[1.0, 1.0, 0.0]], [[1.0, 0.5, 0.5]])), 4)
        0.25
    """

    alpha: float = 0.5
    beta: float = 0.5
    reduction: str | None = "sum_over_batch_size"
    name: str = "tversky"
    axis: int | Sequence[int] | None = None
    dtype: str | None = None


def dice(y_true: Any, y_pred: Any, axis: int | Sequence[int] | None = None) -> Array:
    """The value of `Dice`.

    Example:
        >>> dice([[1.0, 0.0]], [[1.0, 0.0]], axis=-1).round(4)
        array([0.], dtype=float32)
    """
    return values_of("Dice", y_true, y_pred, axis=axis)


def tversky(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis: int | Sequence[int] | None = None,
) -> Array:
    """The value of `Tversky`.

    Example:
        >>> tversky([[1.0, 0.0]], [[1.0, 0.0]], axis=-1).round(4)
        array([0.], dtype=float32)
    """
    return values_of("Tversky", y_true, y_pred, alpha=alpha, beta=beta, axis=axis)
