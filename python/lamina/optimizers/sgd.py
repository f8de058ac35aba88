"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np  # noqa: F401  the examples compute with it

from lamina._configured import configured
from lamina.optimizers.base import Optimizer


@configured
class SGD(Optimizer):
    """Gradient descent: `w -= learning_rate * g`, with momentum if asked for.

    With momentum, `m = momentum * m - learning_rate * g` and `w += m`; Nesterov's form takes
    `w += momentum * m - learning_rate * g` instead.

    Args:
        learning_rate: A number, or a schedule of `lamina.optimizers.schedules`.
        momentum: The share of the last change that is kept, 0 to 1.
        nesterov: Whether to follow the gradient from where the momentum leads to.
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
        ConfigError: momentum outside 0 to 1; more than one way of clipping; other values out of
            range.

    References:
        Sutskever et al., On the importance of initialization and momentum in deep learning, 2013.
        Rust: src/optimizers/sgd.rs.

    Example:
        >>> w = np.array([1.0, 2.0])
        >>> SGD(0.1).apply([np.array([1.0, 1.0])], [w])
        >>> w
        array([0.9, 1.9])
    """

    learning_rate: Any = 0.01
    momentum: float = 0.0
    nesterov: bool = False
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
