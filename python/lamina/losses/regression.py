"""Losses of numbers, the mean over the last axis of a function of one target and prediction."""

from __future__ import annotations

from typing import Any

from lamina._arrays import Array
from lamina._configured import configured
from lamina.losses.loss import Loss, values_of


@configured
class MeanSquaredError(Loss):
    """`mean((y_true - y_pred) ** 2)` over the last axis.

    Args:
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: targets of another shape than the predictions.

    Example:
        >>> loss = MeanSquaredError()([[0.0, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 0.0]])
        >>> float(loss)
        0.5
    """

    reduction: str | None = "sum_over_batch_size"
    name: str = "mean_squared_error"
    dtype: str | None = None


@configured
class MeanAbsoluteError(Loss):
    """`mean(|y_true - y_pred|)` over the last axis.

    Args:
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: targets of another shape than the predictions.

    Example:
        >>> loss = MeanAbsoluteError()([[0.0, 1.0], [0.0, 0.0]], [[2.0, 1.0], [1.0, 0.0]])
        >>> float(loss)
        0.75
    """

    reduction: str | None = "sum_over_batch_size"
    name: str = "mean_absolute_error"
    dtype: str | None = None


@configured
class MeanAbsolutePercentageError(Loss):
    """`100 * mean(|(y_true - y_pred) / y_true|)` over the last axis.

    A target nearer to 0 than 1e-7 counts as 1e-7.

    Args:
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: targets of another shape than the predictions.

    Example:
        >>> float(MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 5.0]]))
        37.5
    """

    reduction: str | None = "sum_over_batch_size"
    name: str = "mean_absolute_percentage_error"
    dtype: str | None = None


@configured
class MeanSquaredLogarithmicError(Loss):
    """`mean((log(1 + y_true) - log(1 + y_pred)) ** 2)` over the last axis.

    Numbers below 1e-7 count as 1e-7.

    Args:
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: targets of another shape than the predictions.

    Example:
        >>> loss = MeanSquaredLogarithmicError()([[1.0, 3.0]], [[1.0, 1.0]])
        >>> round(float(loss), 4)
        0.2402
    """

    reduction: str | None = "sum_over_batch_size"
    name: str = "mean_squared_logarithmic_error"
    dtype: str | None = None


@configured
class Huber(Loss):
    """`e ** 2 / 2` up to `delta`, a straight line beyond; `e = y_pred - y_true`.

    The line is `delta * |e| - delta ** 2 / 2`, so that outliers pull with a constant force.

    Args:
        delta: Where the square ends.
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: delta not above 0; unknown reduction.
        ShapeError: targets of another shape than the predictions.

    References:
        Huber, Robust Estimation of a Location Parameter, 1964.

    Example:
        >>> float(Huber()([[0.0, 0.0]], [[1.0, 3.0]]))
        1.5
    """

    delta: float = 1.0
    reduction: str | None = "sum_over_batch_size"
    name: str = "huber_loss"
    dtype: str | None = None


@configured
class LogCosh(Loss):
    """`mean(log(cosh(y_pred - y_true)))` over the last axis.

    A square near 0 and a straight line far from it, smooth between.

    Args:
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: targets of another shape than the predictions.

    Example:
        >>> round(float(LogCosh()([[0.0]], [[1.0]])), 4)
        0.4338
    """

    reduction: str | None = "sum_over_batch_size"
    name: str = "log_cosh"
    dtype: str | None = None


@configured
class Poisson(Loss):
    """`mean(y_pred - y_true * log(y_pred + 1e-7))` over the last axis, for counts.

    Predictions are rates: an exponential or softplus output keeps them positive.

    Args:
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: targets of another shape than the predictions.

    Example:
        >>> round(float(Poisson()([[2.0]], [[2.0]])), 4)
        0.6137
    """

    reduction: str | None = "sum_over_batch_size"
    name: str = "poisson"
    dtype: str | None = None


@configured
class Quantile(Loss):
    """`mean(max(q * e, (q - 1) * e))`, `e = y_true - y_pred`: the pinball loss.

    Smallest where a share `q` of the targets lies below the prediction. Not in Keras.

    Args:
        quantile: The quantile `q` to predict, between 0 and 1; 0.5 is the median.
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: quantile outside 0 to 1; unknown reduction.
        ShapeError: targets of another shape than the predictions.

    Example:
        >>> round(float(Quantile(0.9)([[1.0]], [[0.0]])), 4)
        0.9
    """

    quantile: float = 0.5
    reduction: str | None = "sum_over_batch_size"
    name: str = "quantile"
    dtype: str | None = None


@configured
class GaussianNegativeLogLikelihood(Loss):
    """`mean(s + (y_true - m) ** 2 * exp(-s)) / 2` for predicted means and log variances.

    The last axis of predictions holds the means `m` and then the logarithms `s` of the variances:
    `(..., 2 * d)` for targets `(..., d)`. Not in Keras.

    Args:
        full: Whether to add the constant `log(2 * pi) / 2`.
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: predictions not twice as wide as the targets.

    Example:
        >>> loss = GaussianNegativeLogLikelihood()([[1.0]], [[0.0, 0.0]])
        >>> float(loss)
        0.5
    """

    full: bool = False
    reduction: str | None = "sum_over_batch_size"
    name: str = "gaussian_negative_log_likelihood"
    dtype: str | None = None


def mean_squared_error(y_true: Any, y_pred: Any) -> Array:
    """`mean((y_true - y_pred) ** 2)` over the last axis.

    Example:
        >>> mean_squared_error(np.zeros((2, 2)), np.ones((2, 2)))
        array([1., 1.])
    """
    return values_of("MeanSquaredError", y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Array:
    """`mean(|y_true - y_pred|)` over the last axis.

    Example:
        >>> mean_absolute_error(np.zeros((2, 2)), np.ones((2, 2)))
        array([1., 1.])
    """
    return values_of("MeanAbsoluteError", y_true, y_pred)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Array:
    """`100 * mean(|(y_true - y_pred) / y_true|)` over the last axis.

    Example:
        >>> mean_absolute_percentage_error([[2.0]], [[1.0]])
        array([50.], dtype=float32)
    """
    return values_of("MeanAbsolutePercentageError", y_true, y_pred)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Array:
    """`mean((log(1 + y_true) - log(1 + y_pred)) ** 2)` over the last axis.

    Example:
        >>> mean_squared_logarithmic_error([[1.0]], [[1.0]])
        array([0.], dtype=float32)
    """
    return values_of("MeanSquaredLogarithmicError", y_true, y_pred)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Array:
    """The values of `Huber`.

    Example:
        >>> huber([[0.0]], [[3.0]])
        array([2.5], dtype=float32)
    """
    return values_of("Huber", y_true, y_pred, delta=delta)


def log_cosh(y_true: Any, y_pred: Any) -> Array:
    """`mean(log(cosh(y_pred - y_true)))` over the last axis.

    Example:
        >>> log_cosh([[0.0]], [[1.0]]).round(4)
        array([0.4338], dtype=float32)
    """
    return values_of("LogCosh", y_true, y_pred)


def poisson(y_true: Any, y_pred: Any) -> Array:
    """`mean(y_pred - y_true * log(y_pred + 1e-7))` over the last axis.

    Example:
        >>> poisson([[0.0]], [[2.0]])
        array([2.], dtype=float32)
    """
    return values_of("Poisson", y_true, y_pred)


def quantile(y_true: Any, y_pred: Any, quantile: float = 0.5) -> Array:
    """The values of `Quantile`.

    Example:
        >>> quantile([[1.0]], [[0.0]])
        array([0.5], dtype=float32)
    """
    return values_of("Quantile", y_true, y_pred, quantile=quantile)
