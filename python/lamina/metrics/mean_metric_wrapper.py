"""A function as a metric."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from lamina.metrics.metric import Metric


class MeanMetricWrapper(Metric):
    """The weighted mean of what a function of arrays returns.

    Args:
        fn: Called with targets and predictions; returns a number, or one for each sample or step.
        name: What it is called in reports; the function's name if None.
        dtype: The type computed in; `lamina.config.floatx()` if None.
        **kwargs: Further arguments of the function.

    Raises:
        ShapeError: weights that do not fit what the function returns.

    Example:
        >>> def worst(y_true, y_pred):
        ...     return np.abs(y_true - y_pred).max(-1)
        >>> metric = MeanMetricWrapper(worst)
        >>> float(metric(np.zeros((2, 2)), np.array([[1.0, 3.0], [0.0, 1.0]])))
        2.0
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        name: str | None = None,
        dtype: str | None = None,
        **kwargs: Any,
    ) -> None:
        self._fn = fn
        self._kwargs = kwargs
        self.name = str(name or getattr(fn, "__name__", type(fn).__name__))
        self.dtype = dtype

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch in.

        Args:
            y_true: Targets.
            y_pred: Predictions.
            sample_weight: One weight for each sample, or one for each value.

        Raises:
            ShapeError: weights that do not fit the values.
        """
        values = np.atleast_1d(self.function(np.asarray(y_true), np.asarray(y_pred)))
        self._update(None, values, "values", sample_weight)

    def function(self, y_true: Any, y_pred: Any) -> Any:
        """What the mean is of."""
        return self._fn(y_true, y_pred, **self._kwargs)

    def get_config(self) -> dict[str, Any]:
        """What a file can hold of it: the name."""
        return {"function": self.name}

    def __repr__(self) -> str:
        return f"MeanMetricWrapper({self.name})"

    def _json(self) -> str:
        return json.dumps({"class_name": "Mean", "config": {"name": self.name}})
