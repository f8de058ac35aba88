"""Means and sums of plain values."""

from __future__ import annotations

from lamina._configured import configured
from lamina.metrics.metric import OfValues


@configured
class Mean(OfValues):
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
class Sum(OfValues):
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
