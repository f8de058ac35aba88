"""Losses of classifiers that predict probabilities, or the logits they come from."""

from __future__ import annotations

from typing import Any

from lamina._arrays import Array
from lamina._configured import configured
from lamina.losses.loss import Loss, values_of


@configured
class BinaryCrossentropy(Loss):
    """`-mean(t * log(p) + (1 - t) * log(1 - p))` for targets `t` of 0 and 1.

    Probabilities are kept within `[1e-7, 1 - 1e-7]`; logits, and a sigmoid layer just before the
    loss in a model, are computed in a form that is exact for numbers of any size.

    Args:
        from_logits: Whether predictions are what goes into a sigmoid, not probabilities.
        label_smoothing: Moves targets towards 1/2: `t * (1 - s) + s / 2`.
        axis: The axis of the mean.
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: label_smoothing outside 0 to 1; unknown reduction.
        ShapeError: targets of another shape than the predictions.

    Example:
        >>> loss = BinaryCrossentropy(from_logits=True)([[0.0], [1.0]], [[-20.0], [30.0]])
        >>> bool(loss < 1e-8)
        True
    """

    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: str | None = "sum_over_batch_size"
    name: str = "binary_crossentropy"
    dtype: str | None = None


@configured
class CategoricalCrossentropy(Loss):
    """`-sum(t * log(p))` over the classes, for one-hot targets `t`.

    Probabilities are divided by their sum and kept within `[1e-7, 1 - 1e-7]`; logits, and a softmax
    layer just before the loss in a model, are computed by log-sum-exp.

    Args:
        from_logits: Whether predictions are what goes into a softmax, not probabilities.
        label_smoothing: Moves targets towards equal shares: `t * (1 - s) + s / classes`.
        axis: The axis of the classes.
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: label_smoothing outside 0 to 1; unknown reduction.
        ShapeError: targets of another shape than the predictions, such as class numbers.

    Example:
        >>> loss = CategoricalCrossentropy()([[0.0, 1.0, 0.0]], [[0.25, 0.5, 0.25]])
        >>> round(float(loss), 4)
        0.6931
    """

    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: str | None = "sum_over_batch_size"
    name: str = "categorical_crossentropy"
    dtype: str | None = None


@configured
class SparseCategoricalCrossentropy(Loss):
    """`-log(p[label])` for targets that are class numbers.

    Probabilities are divided by their sum and kept within `[1e-7, 1 - 1e-7]`; logits, and a softmax
    layer just before the loss in a model, are computed by log-sum-exp.

    Args:
        from_logits: Whether predictions are what goes into a softmax, not probabilities.
        ignore_class: A label whose samples do not count, often 0 or -1.
        reduction: How values become one number; see `lamina.losses`.
        axis: The axis of the classes.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: targets that are not one label per sample.
        DataError: a label that is no class.

    Example:
        >>> loss = SparseCategoricalCrossentropy()([1], [[0.25, 0.5, 0.25]])
        >>> round(float(loss), 4)
        0.6931
    """

    from_logits: bool = False
    ignore_class: int | None = None
    reduction: str | None = "sum_over_batch_size"
    axis: int = -1
    name: str = "sparse_categorical_crossentropy"
    dtype: str | None = None


@configured
class BinaryFocalCrossentropy(Loss):
    """`mean((1 - p_t) ** gamma * bce)`, `p_t = t * p + (1 - t) * (1 - p)`.

    Binary cross-entropy in which what is right already counts little. With class balancing each
    term is multiplied by `alpha` for class 1 and `1 - alpha` for class 0.

    Args:
        apply_class_balancing: Whether classes are weighed by alpha.
        alpha: The weight of class 1.
        gamma: How little counts what is right; 0 is plain cross-entropy.
        from_logits: Whether predictions are what goes into a sigmoid, not probabilities.
        label_smoothing: Moves targets towards 1/2: `t * (1 - s) + s / 2`.
        axis: The axis of the mean.
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: label_smoothing outside 0 to 1; unknown reduction.
        ShapeError: targets of another shape than the predictions.

    References:
        Lin et al., Focal Loss for Dense Object Detection, 2017.

    Example:
        >>> round(float(BinaryFocalCrossentropy()([[1.0]], [[0.5]])), 4)
        0.1733
    """

    apply_class_balancing: bool = False
    alpha: float = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: str | None = "sum_over_batch_size"
    name: str = "binary_focal_crossentropy"
    dtype: str | None = None


@configured
class CategoricalFocalCrossentropy(Loss):
    """`-alpha * sum((1 - p) ** gamma * t * log(p))` over the classes.

    Categorical cross-entropy in which what is right already counts little.

    Args:
        alpha: The factor on the whole.
        gamma: How little counts what is right; 0 is plain cross-entropy.
        from_logits: Whether predictions are what goes into a softmax, not probabilities.
        label_smoothing: Moves targets towards equal shares: `t * (1 - s) + s / classes`.
        axis: The axis of the classes.
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: label_smoothing outside 0 to 1; unknown reduction.
        ShapeError: targets of another shape than the predictions, such as class numbers.

    References:
        Lin et al., Focal Loss for Dense Object Detection, 2017.

    Example:
        >>> loss = CategoricalFocalCrossentropy()([[0.0, 1.0]], [[0.5, 0.5]])
        >>> round(float(loss), 4)
        0.0433
    """

    alpha: float = 0.25
    gamma: float = 2.0
    from_logits: bool = False
    label_smoothing: float = 0.0
    axis: int = -1
    reduction: str | None = "sum_over_batch_size"
    name: str = "categorical_focal_crossentropy"
    dtype: str | None = None


@configured
class CategoricalGeneralizedCrossEntropy(Loss):
    """`(1 - p[label] ** q) / q` for targets that are class numbers.

    Between cross-entropy (q towards 0) and mean absolute error (q = 1): it bears wrong labels.

    Args:
        q: The exponent, between 0 and 1.
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: q outside 0 to 1; unknown reduction.
        ShapeError: targets that are not one label per sample.
        DataError: a label that is no class.

    References:
        Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with
        Noisy Labels, 2018.

    Example:
        >>> float(CategoricalGeneralizedCrossEntropy()([1], [[0.75, 0.25]]))
        1.0
    """

    q: float = 0.5
    reduction: str | None = "sum_over_batch_size"
    name: str = "categorical_generalized_cross_entropy"
    dtype: str | None = None


@configured
class KLDivergence(Loss):
    """`sum(t * log(t / p))` over the last axis: how far `p` is from the distribution `t`.

    Both are kept within `[1e-7, 1]`.

    Args:
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: targets of another shape than the predictions.

    Example:
        >>> round(float(KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])), 4)
        0.1438
    """

    reduction: str | None = "sum_over_batch_size"
    name: str = "kl_divergence"
    dtype: str | None = None


def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """The values of `BinaryCrossentropy`.

    Example:
        >>> binary_crossentropy(np.ones((2, 1)), np.full((2, 1), 0.5)).round(4)
        array([0.6931, 0.6931])
    """
    options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
    return values_of("BinaryCrossentropy", y_true, y_pred, **options)


def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """The values of `CategoricalCrossentropy`.

    Example:
        >>> categorical_crossentropy(np.eye(2), np.full((2, 2), 0.5)).round(4)
        array([0.6931, 0.6931])
    """
    options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
    return values_of("CategoricalCrossentropy", y_true, y_pred, **options)


def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Array:
    """The values of `SparseCategoricalCrossentropy`.

    Example:
        >>> sparse_categorical_crossentropy([0, 1], np.full((2, 2), 0.5)).round(4)
        array([0.6931, 0.6931])
    """
    options = {"from_logits": from_logits, "ignore_class": ignore_class, "axis": axis}
    return values_of("SparseCategoricalCrossentropy", y_true, y_pred, **options)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """The values of `BinaryFocalCrossentropy`.

    Example:
        >>> binary_focal_crossentropy([[1.0]], [[0.5]]).round(4)
        array([0.1733], dtype=float32)
    """
    options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
    options |= {"apply_class_balancing": apply_class_balancing, "alpha": alpha, "gamma": gamma}
    return values_of("BinaryFocalCrossentropy", y_true, y_pred, **options)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Array:
    """The values of `CategoricalFocalCrossentropy`.

    Example:
        >>> categorical_focal_crossentropy([[0.0, 1.0]], [[0.5, 0.5]]).round(4)
        array([0.0433], dtype=float32)
    """
    options = {
        "alpha": alpha,
        "gamma": gamma,
        "from_logits": from_logits,
        "label_smoothing": label_smoothing,
        "axis": axis,
    }
    return values_of("CategoricalFocalCrossentropy", y_true, y_pred, **options)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Array:
    """The values of `CategoricalGeneralizedCrossEntropy`.

    Example:
        >>> categorical_generalized_cross_entropy([1], [[0.75, 0.25]], q=0.5)
        array([1.], dtype=float32)
    """
    return values_of("CategoricalGeneralizedCrossEntropy", y_true, y_pred, q=q)


def kl_divergence(y_true: Any, y_pred: Any) -> Array:
    """`sum(t * log(t / p))` over the last axis.

    Example:
        >>> kl_divergence([[0.5, 0.5]], [[0.25, 0.75]]).round(4)
        array([0.1438], dtype=float32)
    """
    return values_of("KLDivergence", y_true, y_pred)
