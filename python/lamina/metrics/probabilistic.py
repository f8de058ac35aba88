"""How well predictions match as probabilities."""

from __future__ import annotations

from typing import ClassVar

from lamina._configured import configured
from lamina.metrics.metric import Metric


@configured
class BinaryCrossentropy(Metric):
    """The mean of the loss of the same name.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        from_logits: Whether predictions are logits, not probabilities.
        label_smoothing: Moves targets towards 1/2.

    Raises:
        ConfigError: label_smoothing outside 0 to 1.

    Example:
        >>> metric = BinaryCrossentropy()
        >>> round(float(metric([[1], [0]], [[0.5], [0.5]])), 4)
        0.6931
    """

    _direction: ClassVar[str] = "down"
    name: str = "binary_crossentropy"
    dtype: str | None = None
    from_logits: bool = False
    label_smoothing: float = 0


@configured
class CategoricalCrossentropy(Metric):
    """The mean of the loss of the same name.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        from_logits: Whether predictions are logits, not probabilities.
        label_smoothing: Moves targets towards equal shares.
        axis: The axis of the classes.

    Raises:
        ConfigError: label_smoothing outside 0 to 1.

    Example:
        >>> metric = CategoricalCrossentropy()
        >>> round(float(metric([[1, 0]], [[0.5, 0.5]])), 4)
        0.6931
    """

    _direction: ClassVar[str] = "down"
    name: str = "categorical_crossentropy"
    dtype: str | None = None
    from_logits: bool = False
    label_smoothing: float = 0
    axis: int = -1


@configured
class SparseCategoricalCrossentropy(Metric):
    """The mean of the loss of the same name.

    As in Keras, samples of `ignore_class` are left out of the mean only where there are sample
    weights or a mask; else they count as 0.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        from_logits: Whether predictions are logits, not probabilities.
        ignore_class: A label whose samples do not count.
        axis: The axis of the classes.

    Example:
        >>> metric = SparseCategoricalCrossentropy()
        >>> round(float(metric([1], [[0.5, 0.5]])), 4)
        0.6931
    """

    _direction: ClassVar[str] = "down"
    name: str = "sparse_categorical_crossentropy"
    dtype: str | None = None
    from_logits: bool = False
    ignore_class: int | None = None
    axis: int = -1


@configured
class Perplexity(Metric):
    """`exp` of the mean cross-entropy: between how many tokens a language model still wavers.

    Every token counts alike, however long its sequence is; those of `ignore_class` never count.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        from_logits: Whether predictions are logits, not probabilities.
        ignore_class: A label that does not count, such as that of padding.
        axis: The axis of the classes.

    Raises:
        ShapeError: targets that are not one label for each prediction.

    Example:
        >>> round(float(Perplexity(ignore_class=0)([[1, 0]], [[[0.75, 0.25], [0.5, 0.5]]])), 4)
        4.0
    """

    _direction: ClassVar[str] = "down"
    name: str = "perplexity"
    dtype: str | None = None
    from_logits: bool = False
    ignore_class: int | None = None
    axis: int = -1


@configured
class KLDivergence(Metric):
    """The mean of `sum(t * log(t / p))` along the last axis.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Example:
        >>> round(float(KLDivergence()([[1.0, 0.0]], [[0.5, 0.5]])), 4)
        0.6931
    """

    _direction: ClassVar[str] = "down"
    name: str = "kl_divergence"
    dtype: str | None = None


@configured
class Poisson(Metric):
    """The mean of `y_pred - y_true * log(y_pred)`.

    Args:
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.

    Example:
        >>> round(float(Poisson()([[1.0], [0.0]], [[1.0], [1.0]])), 4)
        1.0
    """

    _direction: ClassVar[str] = "down"
    name: str = "poisson"
    dtype: str | None = None
