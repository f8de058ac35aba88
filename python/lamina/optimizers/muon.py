"""Muon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np  # noqa: F401  the examples compute with it

from lamina._configured import configured
from lamina.optimizers.base import Optimizer


@configured
class Muon(Optimizer):
    """Momentum made orthogonal for matrices, Adam for all other weights.

    The momentum of a matrix is divided by its norm, and Newton and Schulz's iteration
    `X = a * X + (b * A + c * A @ A) @ X` with `A = X @ X.T` brings its singular values near 1. All
    that is no matrix, embeddings, and layers that are left out learn by Adam.

    Args:
        learning_rate: A number, or a schedule of `lamina.optimizers.schedules`.
        adam_beta_1: Adam's `beta_1`.
        adam_beta_2: Adam's `beta_2`.
        adam_weight_decay: The weight decay where Adam is used.
        epsilon: Added to Adam's divisor.
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
        exclude_layers: Words in the names of weights (`"dense_2/kernel"`) that learn by Adam.
        exclude_embeddings: Whether weights with "embedding" in their names learn by Adam.
        muon_a: A coefficient of the iteration.
        muon_b: Another.
        muon_c: The third.
        adam_lr_ratio: Adam's learning rate as a multiple of `learning_rate`.
        momentum: The share of the momentum that is kept.
        ns_steps: How often the iteration is applied.
        nesterov: Whether to look a step ahead.
        rms_rate: A step's factor is `rms_rate * sqrt(max(rows, columns))`; 1 if None.

    Raises:
        ConfigError: a pattern in exclude_layers where Keras takes one; more than one way of
            clipping; other values out of range.

    References:
        Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024; Liu et al.,
        Muon is Scalable for LLM Training, 2025. Rust: src/optimizers/muon.rs.

    Example:
        >>> w = np.array([1.0])
        >>> Muon(0.1, adam_weight_decay=None).apply([np.array([3.0])], [w])
        >>> w.round(4)
        array([0.9])
    """

    learning_rate: Any = 0.001
    adam_beta_1: float = 0.9
    adam_beta_2: float = 0.999
    adam_weight_decay: float | None = 0.004
    epsilon: float = 1e-7
    weight_decay: float | None = 0.004
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None
    use_ema: bool = False
    ema_momentum: float = 0.99
    ema_overwrite_frequency: int | None = None
    loss_scale_factor: float | None = None
    gradient_accumulation_steps: int | None = None
    name: Any = None
    exclude_layers: Sequence[str] | None = None
    exclude_embeddings: bool = True
    muon_a: float = 3.4445
    muon_b: float = -4.775
    muon_c: float = 2.0315
    adam_lr_ratio: float = 1
    momentum: float = 0.95
    ns_steps: int = 5
    nesterov: bool = True
    rms_rate: float | None = 0.2
