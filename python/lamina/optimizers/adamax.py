"""Adamax."""

from __future__ import annotations

from typing import Any

import numpy as np  # noqa: F401  the examples compute with it

from lamina._configured import configured
from lamina.optimizers.base import Optimizer


@configured
class Adamax(Optimizer):
    """Adam with the largest gradient, slowly forgotten, in place of the root mean square.

    `m += (g - m) * (1 - beta_1)`, `u = max(beta_2 * u, |g|)`,
    `w -= learning_rate * m / ((1 - beta_1 ** t) * (u + epsilon))`.

    Args:
        learning_rate: A number, or a schedule of `lamina.optimizers.schedules`.
        beta_1: The share of the mean gradient that is kept.
        beta_2: The share of the norm that is kept.
        epsilon: Added to the divisor.
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
        Kingma and Ba, Adam: A Method for Stochastic Optimization, 2014, section 7.1. Rust:
        src/optimizers/adamax.rs.

    Example:
        >>> w = np.array([1.0])
        >>> Adamax(0.1).apply([np.array([3.0])], [w])
        >>> w.round(4)
        array([0.9])
    """

    learning_rate: Any = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
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
