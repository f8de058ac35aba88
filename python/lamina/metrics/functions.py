"""Accuracies and correlations as functions: a value for each unit, nothing is kept.

The classes of this package are their means over batches, computed in the engine.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import config
from lamina._arrays import Array, read
from lamina.errors import ShapeError


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Array:
    """Whether each prediction is on the side of the threshold that its target, 0 or 1, says.

    Args:
        y_true: Targets.
        y_pred: Predictions, of the same shape; either may lack a last axis of 1.
        threshold: Predictions above it count as 1.

    Returns:
        1 or 0 for each prediction.

    Raises:
        ShapeError: targets that do not fit the predictions.

    Example:
        >>> binary_accuracy([1, 1, 0, 0], [0.98, 1, 0, 0.6])
        array([1., 1., 1., 0.], dtype=float32)
    """
    targets, predictions = _alike(y_true, y_pred, "binary_accuracy")
    return _numbers((predictions > threshold) == targets)


def categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """Whether the largest prediction is at the largest target, along the last axis.

    Args:
        y_true: Targets, one-hot or probabilities, `(..., classes)`.
        y_pred: Predictions, of the same shape.

    Returns:
        1 or 0 for each row.

    Raises:
        ShapeError: targets of another shape.

    Example:
        >>> categorical_accuracy([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
        array([0., 1.], dtype=float32)
    """
    targets, predictions = _alike(y_true, y_pred, "categorical_accuracy")
    return _numbers(targets.argmax(-1) == predictions.argmax(-1))


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """Whether the largest prediction, along the last axis, is at the target's place.

    Args:
        y_true: Labels, `(...)` or `(..., 1)`.
        y_pred: Predictions, `(..., classes)`.

    Returns:
        1 or 0 for each label.

    Raises:
        ShapeError: not one label for each row.

    Example:
        >>> sparse_categorical_accuracy([2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0]])
        array([0., 1.], dtype=float32)
    """
    labels, predictions = _labelled(y_true, y_pred, "sparse_categorical_accuracy")
    return _numbers(labels == predictions.argmax(-1))


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Array:
    """Whether the largest target is among the k largest predictions, along the last axis.

    Args:
        y_true: Targets, one-hot or probabilities, `(..., classes)`.
        y_pred: Predictions, of the same shape.
        k: How many predictions count.

    Returns:
        1 or 0 for each row.

    Raises:
        ShapeError: targets of another shape.

    Example:
        >>> targets, predictions = [[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.9, 0.1, 0.8]]
        >>> top_k_categorical_accuracy(targets, predictions, k=2)
        array([1., 0.], dtype=float32)
    """
    targets, predictions = _alike(y_true, y_pred, "top_k_categorical_accuracy")
    return _numbers(_among_largest(targets.argmax(-1), predictions, k))


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Array:
    """Whether the target's place is among the k largest predictions, along the last axis.

    Args:
        y_true: Labels, `(...)` or `(..., 1)`.
        y_pred: Predictions, `(..., classes)`.
        k: How many predictions count.
        from_sorted_ids: Whether predictions are ids already, the best first.

    Returns:
        1 or 0 for each label.

    Raises:
        ShapeError: not one label for each row.

    Example:
        >>> sparse_top_k_categorical_accuracy([2, 1], [[0.1, 0.9, 0.8], [0.9, 0.1, 0.8]], k=2)
        array([1., 0.], dtype=float32)
    """
    labels, predictions = _labelled(y_true, y_pred, "sparse_top_k_categorical_accuracy")
    if from_sorted_ids:
        return _numbers((predictions[..., :k] == labels[..., None]).any(-1))
    return _numbers(_among_largest(labels.astype(np.int64), predictions, k))


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Array:
    """The correlation of targets and predictions along an axis: `cov(t, y) / (std(t) * std(y))`.

    Args:
        y_true: Targets.
        y_pred: Predictions, of the same shape.
        axis: The axis along which they are compared.

    Returns:
        -1 to 1 for each place on the other axes; NaN where one of them is constant.

    Raises:
        ShapeError: targets of another shape.

    Example:
        >>> pearson_correlation([[0, 1, 0.5]], [[0.1, 0.9, 0.5]]).round(4)
        array([1.], dtype=float32)
    """
    targets, predictions = _alike(y_true, y_pred, "pearson_correlation")
    covariance, variances, _ = _moments(targets, predictions, axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        return _numbers(covariance / np.sqrt(variances[0] * variances[1]))


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Array:
    """How far targets and predictions agree along an axis.

    `2 cov(t, y) / (var(t) + var(y) + (mean(t) - mean(y)) ** 2 + epsilon)` with
    `lamina.config.epsilon()` (Lin, "A Concordance Correlation Coefficient to Evaluate
    Reproducibility", 1989).

    Args:
        y_true: Targets.
        y_pred: Predictions, of the same shape.
        axis: The axis along which they are compared.

    Returns:
        -1 to 1 for each place on the other axes.

    Raises:
        ShapeError: targets of another shape.

    Example:
        >>> concordance_correlation([[0, 1, 0.5]], [[0, 1, 0.5]]).round(4)
        array([1.], dtype=float32)
    """
    targets, predictions = _alike(y_true, y_pred, "concordance_correlation")
    covariance, variances, distance = _moments(targets, predictions, axis)
    spread = variances[0] + variances[1] + distance**2 + config.epsilon()
    return _numbers(2 * covariance / spread)


def _moments(targets: Array, predictions: Array, axis: int) -> tuple[Array, list[Array], Array]:
    """Covariance, both variances and the distance of the means."""
    means = [x.mean(axis, keepdims=True) for x in (targets, predictions)]
    away = [targets - means[0], predictions - means[1]]
    variances = [(x * x).mean(axis) for x in away]
    return (away[0] * away[1]).mean(axis), variances, (means[0] - means[1]).squeeze(axis)


def _among_largest(labels: Array, predictions: Array, k: int) -> Array:
    """Whether fewer than k predictions are above that of the label."""
    own = np.take_along_axis(predictions, labels[..., None], -1)
    above: Array = (predictions > own).sum(-1)
    among: Array = (above < k) & np.isfinite(own[..., 0])
    return among


def _alike(y_true: Any, y_pred: Any, name: str) -> tuple[Array, Array]:
    """Both in double precision and of one shape."""
    targets, predictions = (
        read(value, f"{name}: {what}").astype(np.float64)
        for value, what in ((y_true, "y_true"), (y_pred, "y_pred"))
    )
    if targets.shape == (*predictions.shape, 1):
        predictions = predictions[..., None]
    elif predictions.shape == (*targets.shape, 1):
        targets = targets[..., None]
    if targets.shape != predictions.shape:
        raise ShapeError(
            f"{name}: expected targets of the shape of the predictions, {predictions.shape}, "
            f"got {targets.shape}"
        )
    return targets, predictions


def _labelled(y_true: Any, y_pred: Any, name: str) -> tuple[Array, Array]:
    """Labels without a last axis of 1, and their rows."""
    labels, predictions = read(y_true, f"{name}: y_true"), read(y_pred, f"{name}: y_pred")
    if labels.shape == (*predictions.shape[:-1], 1):
        labels = labels[..., 0]
    if predictions.ndim == 0 or labels.shape != predictions.shape[:-1]:
        raise ShapeError(
            f"{name}: expected a label for each row of the predictions, {predictions.shape[:-1]}, "
            f"got shape {labels.shape}"
        )
    return labels, predictions


def _numbers(values: Array) -> Array:
    numbers: Array = values.astype(config.floatx())
    return numbers
