"""Limited-memory BFGS."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np  # noqa: F401  the examples compute with it

from lamina._configured import configured
from lamina.optimizers.base import Optimizer


@configured
class LBFGS(Optimizer):
    """Newton's steps with a curvature learned from the last steps; for full batches.

    A step is up to `max_iter` iterations, each along a direction as far as a line search leads,
    which evaluates the loss again. So `fit` takes all samples as one batch (`batch_size=None` means
    that) and refuses more; an epoch is a step, whose loss is that at its beginning. It pays for
    small networks and smooth losses on data that fit into one batch, where it gets far closer to
    the minimum than steps of one gradient do.

    Args:
        learning_rate: What a line search tries first, and the length of the step without one.
        max_iter: Iterations of one step.
        max_eval: Evaluations of the loss in one step; `max_iter * 5 // 4` if None.
        tolerance_grad: Nothing is to be done if no part of the gradient is above this.
        tolerance_change: A step ends when weights or loss do not change by more.
        history_size: How many of the last steps the curvature is taken from.
        line_search: `"strong_wolfe"`, or None for steps of one length.
        name: What it is called.

    Raises:
        ConfigError: values out of range; weights with constraints; a loss that is a Python
            function; `apply` without a model.

    References:
        Liu and Nocedal, On the Limited Memory BFGS Method for Large Scale Optimization, 1989.
        Rust: src/optimizers/lbfgs/.

    Example:
        >>> x = np.random.default_rng(0).standard_normal((60, 3))
        >>> y = x @ [[1.0], [-2.0], [0.5]] + 3.0
        >>> model = lamina.Sequential([lamina.Input((3,)), lamina.layers.Dense(1)])
        >>> model.compile(LBFGS(), "mse")
        >>> history = model.fit(x, y, epochs=2, verbose=0)
        >>> model.get_weights()[0].ravel().round(4)
        array([ 1. , -2. ,  0.5], dtype=float32)
    """

    _full_batch: ClassVar[bool] = True
    _searches: ClassVar[bool] = True

    learning_rate: Any = 1.0
    max_iter: int = 20
    max_eval: int | None = None
    tolerance_grad: float = 1e-7
    tolerance_change: float = 1e-9
    history_size: int = 10
    line_search: str | None = "strong_wolfe"
    name: Any = None
