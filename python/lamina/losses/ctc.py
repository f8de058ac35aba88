"""The loss of sequences that are labelled without saying when."""

from __future__ import annotations

from typing import Any

from lamina._arrays import Array
from lamina._configured import configured
from lamina.losses.loss import Loss, values_of


@configured
class CTC(Loss):
    """Minus the log probability of a label sequence, summed over its alignments with the steps.

    Targets are class numbers `(batch, length)`, ended by zeros; predictions are logits
    `(batch, time, classes)`. Class 0 is the blank.

    Args:
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: unknown reduction.
        ShapeError: targets or predictions of other shapes.
        DataError: a label that is no class, labels behind a zero, or more labels than time steps.

    References:
        Graves et al., Connectionist Temporal Classification, 2006.

    Example:
        >>> round(float(CTC()([[1]], [[[0.0, 0.0], [0.0, 0.0]]])), 4)
        0.2877
    """

    reduction: str | None = "sum_over_batch_size"
    name: str = "ctc"
    dtype: str | None = None


def ctc(y_true: Any, y_pred: Any) -> Array:
    """The values of `CTC`.

    Example:
        >>> ctc([[1]], [[[0.0, 0.0], [0.0, 0.0]]]).round(4)
        array([0.2877], dtype=float32)
    """
    return values_of("CTC", y_true, y_pred)
