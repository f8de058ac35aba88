"""Adam and AdamW."""

from __future__ import annotations

from typing import Any

import numpy as np  # noqa: F401  the examples compute with it

from lamina._configured import configured
from lamina.optimizers.base import Optimizer


@configured
class Adam(Optimizer):
    """Steps sized by running means of the gradient and of its square.

    `m += (g - m) * (1 - beta_1)`, `v += (g ** 2 - v) * (1 - beta_2)`, then at step t, counted
    from 1, `w -= a * m / (sqrt(v) + epsilon)` with
    `a = learning_rate * sqrt(1 - beta_2 ** t) / (1 - beta_1 ** t)`. Epsilon is added before the
    correction, as in Keras; PyTorch adds it after.

    Args:
        learning_rate: A number, or a schedule of `lamina.optimizers.schedules`.
        beta_1: The share of the mean gradient that is kept.
        beta_2: The share of the mean square that is kept.
        epsilon: Added to the divisor.
        amsgrad: Whether to divide by the largest mean square so far.
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
        Kingma and Ba, Adam: A Method for Stochastic Optimization, 2014.
        Reddi et al., On the Convergence of Adam and Beyond, 2018 (amsgrad).
        Rust: src/optimizers/adam.rs.

    Example:
        >>> w = np.array([1.0, 2.0])
        >>> Adam(0.1).apply([np.array([3.0, -0.5])], [w])
        >>> w.round(4)
        array([0.9, 2.1])
    """

    learning_rate: Any = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False
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


@configured
class AdamW(Optimizer):
    """Adam with weight decay apart from the gradient: `w -= w * weight_decay * learning_rate`.

    Args:
        learning_rate: A number, or a schedule of `lamina.optimizers.schedules`.
        weight_decay: The share of each weight taken off per step, times the learning rate.
        beta_1: The share of the mean gradient that is kept.
        beta_2: The share of the mean square that is kept.
        epsilon: Added to the divisor.
        amsgrad: Whether to divide by the largest mean square so far.
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
        ConfigError: weight_decay None; more than one way of clipping; other values out of range.

    References:
        Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2017.
        Rust: src/optimizers/adam.rs.

    Example:
        >>> w = np.array([1.0])
        >>> AdamW(0.1, weight_decay=0.5).apply([np.array([0.0])], [w])
        >>> w
        array([0.95])
    """

    learning_rate: Any = 0.001
    weight_decay: float = 0.004
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None
    use_ema: bool = False
    ema_momentum: float = 0.99
    ema_overwrite_frequency: int | None = None
    loss_scale_factor: float | None = None
    gradient_accumulation_steps: int | None = None
    name: Any = None
