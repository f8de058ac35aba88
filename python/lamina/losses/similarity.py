"""Losses of directions and of pairs."""

from __future__ import annotations

from typing import Any

from lamina._arrays import Array
from lamina._configured import configured
from lamina.errors import ConfigError
from lamina.losses.loss import Loss, values_of


@configured
class CosineSimilarity(Loss):
    """`-sum(t * p) / (|t| * |p|)` along an axis: -1 for the same direction, 1 for the opposite.

    Args:
        axis: The axis of the vectors.
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: an axis that the predictions have not; unknown reduction.
        ShapeError: targets of another shape than the predictions.

    Example:
        >>> round(float(CosineSimilarity()([[3.0, 4.0]], [[4.0, 3.0]])), 4)
        -0.96
    """

    axis: int = -1
    reduction: str | None = "sum_over_batch_size"
    name: str = "cosine_similarity"
    dtype: str | None = None


@configured
class Circle(Loss):
    """Vectors of one class should point the same way, of different classes not.

    `log(1 + exp(a + b))` for each sample. With its distances `d = max(1 - y_pred @ y_pred.T, 0)` to
    the others of the batch, `a` is the log-sum-exp of `gamma * (d ** 2 - margin ** 2)` over its own
    class, and `b` that of `gamma * max(1 + margin - d, 0) * (1 - margin - d)` over the others.
    A sample without partner or opponent does not count.

    Args:
        gamma: The scale of similarities.
        margin: How much room there is between classes.
        remove_diagonal: Whether a sample is no partner of its own.
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: predictions that are not one vector per sample (of length 1, best by a
            UnitNormalization layer), or targets that are not one class number per sample.

    References:
        Sun et al., Circle Loss: A Unified Perspective of Pair Similarity Optimization, 2020.

    Example:
        >>> y = [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]
        >>> round(float(Circle(gamma=2.0)([0, 0, 1], y)), 4)
        0.6141
    """

    gamma: float = 80.0
    margin: float = 0.4
    remove_diagonal: bool = True
    reduction: str | None = "sum_over_batch_size"
    name: str = "circle"
    dtype: str | None = None


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Array:
    """`-sum(t * p) / (|t| * |p|)` along an axis.

    Example:
        >>> cosine_similarity([[0.0, 2.0]], [[0.0, 1.0]])
        array([-1.], dtype=float32)
    """
    return values_of("CosineSimilarity", y_true, y_pred, axis=axis)


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Array:
    """The values of `Circle`, for the labels and vectors of one batch.

    Args:
        y_true: Labels, `(batch,)`.
        y_pred: Vectors of length 1, `(batch, features)`.
        ref_labels: None; vectors are compared with those of their own batch.
        ref_embeddings: None, as above.
        remove_diagonal: Whether a vector is not compared with itself.
        gamma: The scale of the similarities.
        margin: How far similarities may stay from 0 and 1.

    Raises:
        ConfigError: references are given.

    Example:
        >>> circle([0, 1], [[1.0, 0.0], [0.0, 1.0]])
        array([0., 0.], dtype=float32)
    """
    if ref_labels is not None or ref_embeddings is not None:
        raise ConfigError(
            "circle: expected ref_labels and ref_embeddings of None, got references. Put them into "
            "the batch"
        )
    options = {"remove_diagonal": remove_diagonal, "gamma": gamma, "margin": margin}
    return values_of("Circle", y_true, y_pred, **options)
