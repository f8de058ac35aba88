"""Adafactor."""

from __future__ import annotations

from typing import Any

import numpy as np  # noqa: F401  the examples compute with it

from lamina._configured import configured
from lamina.optimizers.base import Optimizer


@configured
class Adafactor(Optimizer):
    """Adam with little memory: mean squares of a matrix are kept by row and by column.

    `v = r * c / mean(r)`, `u = g / sqrt(v)`, `rho = min(learning_rate, 1 / sqrt(t))`, and
    `w -= max(epsilon_2, rms(w)) * rho * u / max(1, rms(u) / clip_threshold)`. The means
    keep the share `1 - t ** beta_2_decay`.

    Args:
        learning_rate: A number, or a schedule of `lamina.optimizers.schedules`.
        beta_2_decay: How fast the share that is kept comes to 1.
        epsilon_1: Added to squares.
        epsilon_2: The size a weight is taken to have at least.
        clip_threshold: The largest root mean square of a step, before the learning rate.
        relative_step: Without effect, as in Keras: no step is longer than `1 / sqrt(t)`.
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
        Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018.
        Rust: src/optimizers/adafactor.rs.

    Example:
        >>> w = np.array([1.0])
        >>> Adafactor(0.1).apply([np.array([3.0])], [w])
        >>> w.round(4)
        array([0.9])
    """

    learning_rate: Any = 0.001
    beta_2_decay: float = -0.8
    epsilon_1: float = 1e-30
    epsilon_2: float = 1e-3
    clip_threshold: float = 1.0
    relative_step: bool = True
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
