"""An adaptive factor on gradients."""

from __future__ import annotations

from typing import Any

import numpy as np  # noqa: F401  the examples compute with it

from lamina._configured import configured
from lamina.errors import ConfigError
from lamina.optimizers.base import Optimizer


@configured
class LossScaleOptimizer(Optimizer):
    """An optimizer on gradients times a factor that adapts, and steps left out on overflow.

    After `dynamic_growth_steps` steps in a row that went well the factor is doubled; a gradient
    that is infinite or NaN halves it, and the weights stay. With float32 the factor guards against
    nothing, but such steps are left out.

    Args:
        inner_optimizer: What updates the weights.
        initial_scale: The factor at first.
        dynamic_growth_steps: Steps after which it is doubled.
        name: What it is called.

    Raises:
        ConfigError: no optimizer inside; values not above 0.

    References:
        Micikevicius et al., Mixed Precision Training, 2017. Rust: src/optimizers/loss_scale.rs.

    Example:
        >>> w = np.array([1.0])
        >>> optimizer = LossScaleOptimizer(lamina.optimizers.SGD(0.1), initial_scale=4.0)
        >>> optimizer.apply([np.array([np.inf])], [w])  # left out, and the factor is 2 from now on
        >>> optimizer.apply([np.array([4.0])], [w])
        >>> w
        array([0.8])
    """

    inner_optimizer: Any
    initial_scale: float = 2.0**15
    dynamic_growth_steps: int = 2000
    name: Any = None

    def _finish(self) -> None:
        inner = self.inner_optimizer
        if isinstance(inner, dict):
            from lamina.optimizers.naming import deserialize  # it imports this module

            self.inner_optimizer = inner = deserialize(inner)
        if not isinstance(inner, Optimizer) or isinstance(inner, LossScaleOptimizer):
            raise ConfigError(
                f"LossScaleOptimizer: expected an optimizer as inner_optimizer, got {inner!r}"
            )
        if not hasattr(inner, "learning_rate"):
            raise ConfigError(
                "LossScaleOptimizer: expected one optimizer inside, got MultiOptimizer. "
                "Give that a loss_scale_factor"
            )
        if inner._searches:
            raise ConfigError(
                "LossScaleOptimizer: expected an optimizer of single steps inside, got LBFGS"
            )
        super()._finish()

    @property
    def _rate(self) -> Any:
        return self.inner_optimizer._rate

    @property
    def learning_rate(self) -> Any:
        """The learning rate of the next step, that of the optimizer inside. Can be set."""
        return super().learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value
        engine = self._engine()
        if engine is not None:
            engine.set_learning_rate(float(value), self._part)

    def _needs_full_batch(self) -> bool:
        return bool(self.inner_optimizer._needs_full_batch())

    def get_config(self) -> dict[str, Any]:
        """The fields."""
        engine = self._engine()
        if engine is not None and not hasattr(self._rate, "get_config"):
            self.inner_optimizer.learning_rate = engine.learning_rate(self._part)
        return super(Optimizer, self).get_config()

    def __getstate__(self) -> dict[str, Any]:
        """The fields; the state stays with the model, or where the arrays are."""
        self.get_config()  # the optimizer inside learns of the learning rate
        return {k: v for k, v in self.__dict__.items() if k not in self._unsaved}
