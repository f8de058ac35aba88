"""What all losses are, and how the engine is asked for one."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import numpy as np

from lamina import _core, _session, config
from lamina._arrays import Array, as_array
from lamina._configured import Configured

_SILENT = frozenset({"dtype"})


class Loss(Configured):
    """What all losses are.

    Example:
        >>> isinstance(lamina.losses.get("mse"), Loss)
        True
    """

    _family: ClassVar[str] = "loss"
    _silent: ClassVar[frozenset[str]] = _SILENT
    name: str
    dtype: str | None

    def _finish(self) -> None:
        self.name = self.name or _session.snake_case(type(self).__name__)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss: a number of the predictions' type, or an array without a reduction.

        Args:
            y_true: Targets.
            y_pred: Predictions.
            sample_weight: One weight for each sample, or one for each value.

        Raises:
            ShapeError: targets or weights that do not fit the predictions.
            DataError: targets that are NaN or infinite, or labels out of range.
        """
        return _evaluate(self._json(), y_true, y_pred, sample_weight, self.dtype)

    def call(self, y_true: Any, y_pred: Any) -> Array:
        """The values before weights and reduction."""
        options = self.get_config() | {"reduction": None}
        described = json.dumps({"class_name": type(self).__name__, "config": options})
        values: Array = _evaluate(described, y_true, y_pred, None, self.dtype)
        return values


def _evaluate(
    described: str, y_true: Any, y_pred: Any, sample_weight: Any, dtype: str | None
) -> Any:
    if dtype is None:
        dtype = "float64" if getattr(y_pred, "dtype", None) == np.float64 else config.floatx()
    target = as_array(y_true, "y_true", dtype, ids="Sparse" in described)
    prediction = as_array(y_pred, "y_pred", dtype)
    weight = None
    if sample_weight is not None:
        weight = as_array(np.atleast_1d(sample_weight), "sample_weight", dtype)
    loss = _core.loss(described, target, prediction, weight, dtype=dtype)
    return np.dtype(dtype).type(loss) if isinstance(loss, float) else loss


def values_of(kind: str, y_true: Any, y_pred: Any, **options: Any) -> Array:
    """One value per unit."""
    described = json.dumps({"class_name": kind, "config": options | {"reduction": None}})
    values: Array = _evaluate(described, y_true, y_pred, None, None)
    return values
