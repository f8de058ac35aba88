"""What all optimizers share: the learning rate, and steps on arrays without a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from lamina import _core, _session
from lamina._arrays import Array, as_array
from lamina._configured import Configured
from lamina.errors import ConfigError, ParamError
from lamina.optimizers import schedules
from lamina.optimizers.schedules import LearningRateSchedule


class Optimizer(Configured):
    """What all optimizers are.

    In a compiled model the engine holds the state; `learning_rate` and `iterations` show it live.
    Without a model, `apply` or `apply_gradients` update arrays, or weights of layers, in place.

    Example:
        >>> isinstance(lamina.optimizers.get("adam"), Optimizer)
        True
    """

    _family: ClassVar[str] = "optimizer"
    _unsaved: ClassVar[tuple[str, ...]] = ("_holder", "_part", "_variables")
    _full_batch: ClassVar[bool] = False
    """Whether it compares steps over the same data."""
    _searches: ClassVar[bool] = False
    """Whether a step evaluates the loss several times."""
    name: str
    _part: int = 0
    """Our number among the optimizers that the engine holds."""

    def _finish(self) -> None:
        self.name = self.name or _session.snake_case(type(self).__name__)

    def _engine(self) -> Any:
        """What holds the state, if anything does yet: a model's runner, or our own optimizer."""
        return self.__dict__.get("_holder")

    def _attach(self, engine: Any, part: int = 0) -> None:
        """Show the state that `engine` holds from now on; it goes on with our learning rate."""
        if not isinstance(self._rate, LearningRateSchedule):
            engine.set_learning_rate(self.learning_rate, part)
        self._holder, self._part = engine, part

    def _choose(self, weights: Callable[[], Sequence[Sequence[Any]]], title: str) -> None:
        """Look at the weights of each layer of the engine, before the engine gets to work."""

    def _needs_full_batch(self) -> bool:
        return self._full_batch

    def _for_engine(self) -> dict[str, Any]:
        """The optimizer as the engine reads it."""
        return {"class_name": type(self).__name__, "config": self.get_config()}

    def _json(self) -> str:
        kind = type(self).__name__
        try:
            return json.dumps(self._for_engine(), allow_nan=False)
        except ValueError:
            raise ConfigError(f"{kind}: expected finite numbers, got NaN or inf") from None

    def _rates(self) -> dict[str, float | None]:
        """The learning rates to keep in files, by the names of logs; None where schedules are."""
        scheduled = isinstance(self._rate, LearningRateSchedule)
        return {"learning_rate": None if scheduled else float(self.learning_rate)}

    def _shown_rates(self) -> dict[str, float]:
        """The learning rates of now, by the names of logs."""
        return {"learning_rate": float(self.learning_rate)}

    def _set_rates(self, rates: Mapping[str, float | None]) -> None:
        """Take back what `_rates` gave."""
        for rate in rates.values():
            if rate is not None:
                self.learning_rate = rate

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the next step. Can be set, unless a schedule sets it."""
        engine = self._engine()
        if engine is not None:
            return engine.learning_rate(self._part)
        return self._rate(0) if isinstance(self._rate, LearningRateSchedule) else self._rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        kind = type(self).__name__
        if isinstance(value, dict):
            value = schedules.deserialize(value)
        if "_rate" not in self.__dict__:
            self._rate = value
            return
        if isinstance(self._rate, LearningRateSchedule) or isinstance(value, LearningRateSchedule):
            raise ConfigError(
                f"{kind}: expected learning_rate to be set from one number to another, got a "
                "schedule. Make a new optimizer and compile again"
            )
        engine = self._engine()
        if engine is not None:
            engine.set_learning_rate(float(value), self._part)
        self._rate = float(value)

    @property
    def iterations(self) -> int:
        """The number of updates made."""
        engine = self._engine()
        return 0 if engine is None else int(engine.iterations(self._part))

    def get_config(self) -> dict[str, Any]:
        """The fields, the learning rate as it is now."""
        config = super().get_config()
        if isinstance(self._rate, LearningRateSchedule):
            config["learning_rate"] = schedules.serialize(self._rate)
        return config

    def build(self, variables: Sequence[Any]) -> None:
        """Make the state for these arrays or weights, which `apply` then updates.

        Args:
            variables: float32 or float64 arrays, or weights of layers; all of one type.
        """
        shapes = [list(np.shape(_read(variable))) for variable in variables]
        dtypes = {str(_read(variable).dtype) for variable in variables}
        if len(dtypes) != 1 or not dtypes <= {"float32", "float64"}:
            raise ParamError(
                f"{type(self).__name__}: expected float32 or float64 arrays of one type, "
                f"got {', '.join(sorted(dtypes)) or 'none'}"
            )
        self._variables = list(variables)
        self._dtype = dtypes.pop()
        self._holder, self._part = _core.Optimizer(self._json(), shapes, self._dtype), 0

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Update weights with their gradients, in place.

        Args:
            grads: One gradient for each weight.
            trainable_variables: The weights, the same in each call; those of `build` if None.

        Raises:
            ParamError: other weights than before.
            ShapeError: a gradient of another shape than its weight.
        """
        if trainable_variables is not None and not isinstance(self._engine(), _core.Optimizer):
            self.build(trainable_variables)
        known = self.__dict__.get("_variables")
        variables = known if trainable_variables is None else list(trainable_variables)
        if known is None or variables is None or len(variables) != len(known):
            raise ParamError(
                f"{type(self).__name__}: expected the weights that build was called with, got "
                f"{'none' if variables is None else 'others'}. Call build(variables) first"
            )
        gradients = [as_array(gradient, "grads", self._dtype) for gradient in grads]
        values = [np.ascontiguousarray(_read(variable)) for variable in variables]
        for variable, value in zip(variables, self._engine().apply(gradients, values), strict=True):
            _write(variable, value)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]]) -> int:
        """Update weights from pairs of gradient and weight; returns the steps made."""
        pairs = list(grads_and_vars)
        self.apply([grad for grad, _ in pairs], [variable for _, variable in pairs])
        return int(self._engine().steps)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Set weights to their moving averages, if there are any."""
        engine = self._engine()
        if isinstance(engine, _core.Optimizer):
            values = [np.ascontiguousarray(_read(variable)) for variable in var_list]
            for variable, value in zip(var_list, engine.finalize(values), strict=True):
                _write(variable, value)

    def __getstate__(self) -> dict[str, Any]:
        """The fields; the state stays with the model, or where the arrays are."""
        state = {k: v for k, v in self.__dict__.items() if k not in self._unsaved}
        if not isinstance(self._rate, LearningRateSchedule):
            state["_rate"] = self.learning_rate
        return state


def _read(variable: Any) -> Array:
    values: Array = variable.numpy() if hasattr(variable, "assign") else variable
    return values


def _write(variable: Any, value: Array) -> None:
    if hasattr(variable, "assign"):
        variable.assign(value)
    else:
        variable[...] = value
