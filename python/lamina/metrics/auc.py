"""The area under a curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from lamina._configured import configured
from lamina.metrics.metric import Metric


@configured
class AUC(Metric):
    """The area under a curve of two shares, which decisions at all thresholds draw.

    For `"ROC"`, the chance that a positive sample gets a larger prediction than a negative one. The
    curve is known at `num_thresholds` points; more of them come closer to the exact area.

    Args:
        num_thresholds: How many thresholds from 0 to 1; more than 1.
        curve: `"ROC"` (recall over false alarms), `"PR"` (precision over recall), or `"PRGAIN"`
            (the gains of both).
        summation_method: The height between two points: `"interpolation"`, `"minoring"` (the lower
            one) or `"majoring"` (the higher one).
        name: What it is called in reports.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        thresholds: Thresholds instead of evenly spread ones.
        multi_label: Whether every label on the last axis has a curve of its own; the areas are
            averaged.
        num_labels: How many labels there are, with multi_label.
        label_weights: The weight of each label.
        from_logits: Whether predictions are logits, not probabilities.

    Raises:
        ConfigError: an unknown curve or summation_method; thresholds outside 0 to 1; num_labels
            without multi_label.
        ShapeError: other labels than expected.

    References:
        Davis and Goadrich, The Relationship Between Precision-Recall and ROC Curves, 2006 (the
        interpolation of "PR"); Flach and Kull, Precision-Recall-Gain Curves, 2015. Rust:
        src/metrics/auc.rs.

    Example:
        >>> float(AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
        0.75
    """

    _direction: ClassVar[str] = "up"
    num_thresholds: int = 200
    curve: str = "ROC"
    summation_method: str = "interpolation"
    name: Any = None
    dtype: str | None = None
    thresholds: Sequence[float] | None = None
    multi_label: bool = False
    num_labels: int | None = None
    label_weights: Sequence[float] | None = None
    from_logits: bool = False
