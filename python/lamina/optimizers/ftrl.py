"""Follow the regularized leader."""

from __future__ import annotations

from typing import Any

import numpy as np  # noqa: F401  the examples compute with it

from lamina._configured import configured
from lamina.optimizers.base import Optimizer


@configured
class Ftrl(Optimizer):
    """Follow the regularized leader: weights stay 0 until the gradient gives reason for more.

    `n' = n + g ** 2`, `z += g + 2 * shrinkage * w - (n' ** -p - n ** -p) / learning_rate * w`,
    `w = (clip(z, -l1, l1) - z) / (n' ** -p / learning_rate + 2 * l2 + beta / learning_rate)`.

    Args:
        learning_rate: A number, or a schedule of `lamina.optimizers.schedules`.
        learning_rate_power: How the learning rate falls with the sum `n` (`p`); at most 0.
        initial_accumulator_value: What the sums start at.
        l1_regularization_strength: What draws weights to 0 (`l1`).
        l2_regularization_strength: What makes weights smaller at each step (`l2`).
        l2_shrinkage_regularization_strength: What makes weights smaller through
            the gradient.
        beta: What makes the first steps smaller.
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
        ConfigError: a strength below 0, a power above 0; more than one way of clipping; other
            values out of range.

    References:
        McMahan et al., Ad Click Prediction: a View from the Trenches, 2013. Rust:
        src/optimizers/ftrl.rs.

    Example:
        >>> w = np.array([1.0])
        >>> Ftrl(0.1, initial_accumulator_value=0.0).apply([np.array([3.0])], [w])
        >>> w.round(4)
        array([0.9])
    """

    learning_rate: Any = 0.001
    learning_rate_power: float = -0.5
    initial_accumulator_value: float = 0.1
    l1_regularization_strength: float = 0.0
    l2_regularization_strength: float = 0.0
    l2_shrinkage_regularization_strength: float = 0.0
    beta: float = 0.0
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
