"""Several losses as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina._configured import configured
from lamina.losses.loss import Loss


@configured
class WeightedSum(Loss):
    """Several losses of one output, each times a weight: `sum(weights[k] * losses[k](t, p))`.

    Args:
        losses: Names or objects; all with a value for each of the same units (samples, or steps).
        weights: A factor for each; 1 if None.
        reduction: How values become one number; see `lamina.losses`.
        name: What it is called in reports.
        dtype: The type computed in; that of the predictions if None.

    Raises:
        ConfigError: no losses, another number of weights, losses with another reduction than the
            mean, or in which not every unit counts.
        ShapeError: losses with values of different shapes.

    Example:
        >>> loss = WeightedSum(["mse", "mae"], weights=[1.0, 0.5])
        >>> float(loss([[0.0, 0.0]], [[2.0, 0.0]]))
        2.5
    """

    losses: Sequence[Any]
    weights: Sequence[float] | None = None
    reduction: str | None = "sum_over_batch_size"
    name: str = "weighted_sum"
    dtype: str | None = None
