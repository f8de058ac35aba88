"""What all metrics share: batches come in, the number so far comes out."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from lamina import _core, _session, config
from lamina._arrays import as_array
from lamina._configured import Configured


class Metric(Configured):
    """What all metrics are.

    Example:
        >>> isinstance(lamina.metrics.get("mse"), Metric)
        True
    """

    _family: ClassVar[str] = "metric"
    _silent: ClassVar[frozenset[str]] = frozenset({"dtype"})
    name: str
    dtype: str | None

    def _finish(self) -> None:
        self.name = self.name or _session.snake_case(type(self).__name__)

    def _engine(self) -> _core.Metric:
        engine = self.__dict__.get("_running")
        if engine is None:
            engine = self._running = _core.Metric(self._json(), self._type())
        return engine

    def _type(self) -> str:
        return self.dtype or config.floatx()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take a batch in.

        Args:
            y_true: Targets.
            y_pred: Predictions.
            sample_weight: One weight for each sample, or one for each value.

        Raises:
            ShapeError: targets or weights that do not fit the predictions.
        """
        target = as_array(y_true, "y_true", self._type())
        self._update(target, y_pred, "y_pred", sample_weight)

    def _update(self, target: Any, values: Any, where: str, sample_weight: Any) -> None:
        weight = None
        if sample_weight is not None:
            weight = as_array(np.atleast_1d(sample_weight), "sample_weight", self._type())
        self._engine().update(target, as_array(values, where, self._type()), weight)

    def result(self) -> Any:
        """The number so far, 0 if nothing came."""
        return np.dtype(self._type()).type(self._engine().result())

    def reset_state(self) -> None:
        """Forget all batches."""
        self._engine().reset_state()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take a batch in and return the number so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    def __getstate__(self) -> dict[str, Any]:
        state = {k: v for k, v in self.__dict__.items() if k != "_running"}
        return state | {"_numbers": self._engine().state()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        numbers = state.pop("_numbers")
        self.__dict__.update(state)
        self._engine().set_state(numbers)


class OfValues(Metric):
    """Metrics of plain values."""

    def update_state(self, values: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take values in.

        Args:
            values: An array, or one number.
            sample_weight: One weight for each row, or one for each value.

        Raises:
            ShapeError: weights that do not fit the values.
        """
        self._update(None, np.atleast_1d(values), "values", sample_weight)
