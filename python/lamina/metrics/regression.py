"""How far predictions are off."""

from __future__ import annotations

from typing import ClassVar

from lamina._configured import configured
from lamina.metrics.metric import Metric


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

    _direction: ClassVar[str] = "down"
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

    _direction: ClassVar[str] = "down"
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

    _direction: ClassVar[str] = "down"
    name: str = "mean_absolute_error"
    dtype: str | None = None


@configured
class MeanAbsolutePercentageError(Metric):
    """The mean of `100 * |y_true - y_pred| / |y_true|`.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Example:
        >>> round(float(MeanAbsolutePercentageError()([[2.0], [4.0]], [[1.0], [4.0]])), 3)
        25.0
    """

    _direction: ClassVar[str] = "down"
    name: str = "mean_absolute_percentage_error"
    dtype: str | None = None


@configured
class MeanSquaredLogarithmicError(Metric):
    """The mean of `(log(y_true + 1) - log(y_pred + 1)) ** 2`; both at least 0.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Example:
        >>> round(float(MeanSquaredLogarithmicError()([[0.0], [0.0]], [[1.0], [0.0]])), 4)
        0.2402
    """

    _direction: ClassVar[str] = "down"
    name: str = "mean_squared_logarithmic_error"
    dtype: str | None = None


@configured
class LogCoshError(Metric):
    """The mean of `log(cosh(y_pred - y_true))`.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Example:
        >>> round(float(LogCoshError()([[0.0], [0.0]], [[1.0], [0.0]])), 4)
        0.2169
    """

    _direction: ClassVar[str] = "down"
    name: str = "logcosh"
    dtype: str | None = None


@configured
class CosineSimilarity(Metric):
    """The mean of `sum(t * p) / (|t| * |p|)` along an axis: 1 for the same direction.

    The loss of the same name has the other sign.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        axis: The axis of the vectors.

    Example:
        >>> round(float(CosineSimilarity()([[3.0, 4.0]], [[4.0, 3.0]])), 4)
        0.96
    """

    _direction: ClassVar[str] = "up"
    name: str = "cosine_similarity"
    dtype: str | None = None
    axis: int = -1


@configured
class R2Score(Metric):
    """The share of the targets' variance that predictions explain: 1 for all, 0 for the mean.

    `1 - sum((t - y) ** 2) / sum((t - mean(t)) ** 2)` for each output; with `num_regressors`, the
    adjusted score, as long as there are more targets than that.

    Args:
        class_aggregation: How the scores of several outputs become one: `"uniform_average"`,
            `"variance_weighted_average"`, or None for all of them.
        num_regressors: The number of independent regressors, for the adjusted score.
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Raises:
        ConfigError: another class_aggregation; num_regressors below 0.
        ShapeError: predictions that are not `(batch, outputs)`.

    Example:
        >>> round(float(R2Score()([[1.0], [4.0], [3.0]], [[2.0], [4.0], [4.0]])), 4)
        0.5714
    """

    _direction: ClassVar[str] = "up"
    class_aggregation: str | None = "uniform_average"
    num_regressors: int = 0
    name: str = "r2_score"
    dtype: str | None = None
