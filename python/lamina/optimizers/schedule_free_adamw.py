"""Schedule-free AdamW."""

from __future__ import annotations

from typing import Any

import numpy as np  # noqa: F401  the examples compute with it

from lamina._configured import configured
from lamina.optimizers.base import Optimizer


@configured
class ScheduleFreeAdamW(Optimizer):
    """AdamW that needs no schedule: weights stay near the mean of all it went through.

    A fast sequence `z` takes Adam's steps, `x` is the mean of all `z`, and the weights are
    `(1 - beta_1) * z + beta_1 * x`.

    Args:
        learning_rate: A number, or a schedule of `lamina.optimizers.schedules`.
        beta_1: The share of the mean in the weights; above 0.
        beta_2: The share of the mean square that is kept.
        epsilon: Added to the divisor.
        warmup_steps: Steps over which the learning rate rises from 0.
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
        ConfigError: beta_1 outside 0 to 1; more than one way of clipping; other values out of
            range.

    References:
        Defazio et al., The Road Less Scheduled, 2024. Rust: src/optimizers/schedule_free_adamw.rs.

    Example:
        >>> w = np.array([1.0])
        >>> ScheduleFreeAdamW(0.1).apply([np.array([3.0])], [w])
        >>> w.round(4)
        array([0.9])
    """

    learning_rate: Any = 0.0025
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    warmup_steps: int = 0
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
