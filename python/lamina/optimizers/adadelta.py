"""Adadelta."""

from __future__ import annotations

from typing import Any

import numpy as np  # noqa: F401  the examples compute with it

from lamina._configured import configured
from lamina.optimizers.base import Optimizer


@configured
class Adadelta(Optimizer):
    """Steps in proportion to the last ones, whatever the scale of the gradient.

    `v = rho * v + (1 - rho) * g ** 2`, `d = g * sqrt(u + epsilon) / sqrt(v + epsilon)`,
    `u = rho * u + (1 - rho) * d ** 2`, `w -= learning_rate * d`.

    Args:
        learning_rate: A number, or a schedule of `lamina.optimizers.schedules`.
        rho: The share of the means that is kept.
        epsilon: Added under the roots.
        weight_decay: The share of each weight taken off per step, times the learning rate.
        clipnorm: The largest norm of each weight's gradient.
        clipvalue: The largest absolute value of gradients.
        global_clipnorm: The largest norm of all gradients together.
        use_ema: Whether to keep a moving average of the weights, taken at the end of `fit`.
        ema_momentum: The share of the average that is kept, 0 to 1.
        ema_overwrite_frequency: Steps after which weights become their averages.
        loss_scale_factor: The loss is multiplied, and gradients divided, by this.
        gradient_accumulation_steps: Steps whose mean gradient makes one update; at least 2.
        name: What it is called.

    Raises:
        ConfigError: more than one way of clipping; other values out of range.

    References:
        Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012. Rust: src/optimizers/adadelta.rs.

    Example:
        >>> w = np.array([1.0])
        >>> Adadelta(1.0, rho=0.0, epsilon=1.0).apply([np.array([2.0])], [w])
        >>> w.round(4)
        array([0.1056])
    """

    learning_rate: Any = 0.001
    rho: float = 0.95
    epsilon: float = 1e-7
    weight_decay: float | None = None
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None
    use_ema: bool = False
    ema_momentum: float = 0.99
    ema_overwrite_frequency: int | None = None
    loss_scale_factor: float | None = None
    gradient_accumulation_steps: int | None = None
    name: Any = None
