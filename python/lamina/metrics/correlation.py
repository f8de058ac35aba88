"""How targets and predictions go together."""

from __future__ import annotations

from typing import ClassVar

from lamina._configured import configured
from lamina.metrics.metric import Metric


@configured
class PearsonCorrelation(Metric):
    """The mean of the correlation of targets and predictions along an axis, -1 to 1.

    `mean((t - mean(t)) * (y - mean(y))) / (std(t) * std(y))`; NaN where one of them is constant.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        axis: The axis along which they are compared.

    Raises:
        ShapeError: targets of another shape than the predictions.

    Example:
        >>> metric = PearsonCorrelation(axis=-1)
        >>> round(float(metric([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]])), 4)
        0.9967
    """

    _direction: ClassVar[str] = "up"
    name: str = "pearson_correlation"
    dtype: str | None = None
    axis: int = -1


@configured
class ConcordanceCorrelation(Metric):
    """The mean of how far targets and predictions agree along an axis, -1 to 1.

    `2 * mean((t - mean(t)) * (y - mean(y))) / (var(t) + var(y) + (mean(t) - mean(y)) ** 2)`: the
    correlation, made smaller where means or scales differ.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        axis: The axis along which they are compared.

    Raises:
        ShapeError: targets of another shape than the predictions.

    References:
        Lin, A Concordance Correlation Coefficient to Evaluate Reproducibility, 1989.

    Example:
        >>> metric = ConcordanceCorrelation(axis=-1)
        >>> round(float(metric([[0, 1, 0.5], [1, 1, 0.2]], [[0.1, 0.9, 0.5], [1, 0.9, 0.2]])), 4)
        0.9816
    """

    _direction: ClassVar[str] = "up"
    name: str = "concordance_correlation"
    dtype: str | None = None
    axis: int = -1
