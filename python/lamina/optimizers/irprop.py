"""Improved resilient propagation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np  # noqa: F401  the examples compute with it

from lamina._configured import configured
from lamina.optimizers.base import Optimizer


@configured
class IRprop(Optimizer):
    """Steps that follow the signs of gradients, one step size for each weight; for full batches.

    A step grows while the gradient of its weight keeps its sign and shrinks when it changes. A
    weight whose gradient changed its sign goes back if the loss rose. It compares the gradients of
    the same data, so `fit` takes all samples as one batch (`batch_size=None` means that) and
    refuses more. For small networks, where it needs no tuning.

    Args:
        learning_rate: The first step of each weight; it cannot be set later.
        etas: What a step is multiplied by where the gradient changes its sign, and where it keeps
            it.
        step_sizes: The smallest and the largest step.
        weight_backtracking: Whether weights go back if the loss rose (iRprop+); without, it is
            PyTorch's `Rprop` (iRprop-).
        name: What it is called.

    Raises:
        ConfigError: values out of range; `apply` without a model, with weight_backtracking.

    References:
        Igel and Huesken, Empirical Evaluation of the Improved Rprop Learning Algorithms, 2003.
        Rust: src/optimizers/irprop.rs.

    Example:
        >>> x = np.linspace(-1, 1, 50).reshape(50, 1)
        >>> hidden = lamina.layers.Dense(8, "tanh")
        >>> model = lamina.Sequential([lamina.Input((1,)), hidden, lamina.layers.Dense(1)])
        >>> model.compile(IRprop(), "mse")
        >>> history = model.fit(x, x**2, epochs=300, verbose=0)
        >>> history.history["loss"][-1] < 1e-3
        True
    """

    _full_batch: ClassVar[bool] = True

    learning_rate: Any = 0.01
    etas: Sequence[float] = (0.5, 1.2)
    step_sizes: Sequence[float] = (1e-6, 50.0)
    weight_backtracking: bool = True
    name: Any = None
