"""`find_learning_rate`: a short training with a rising learning rate, and what it tells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.errors import ConfigError, DataError
from lamina.utils.line_chart import line_chart
from lamina.utils.picture import Picture

SMOOTHING = 0.9
"""The share of the running mean of the losses that is kept."""

DIVERGED = 4.0
"""A loss so many times the smallest ends the search."""


@dataclass
class LearningRates:
    """What `find_learning_rate` found.

    Attributes:
        learning_rates: The learning rate of each step.
        losses: The running mean of the losses up to each step.
        suggestion: Where the loss fell fastest: a learning rate to begin with.

    Example:
        >>> found = lamina.utils.LearningRates([1e-4, 1e-3, 1e-2], [1.0, 0.8, 0.7], 1e-3)
        >>> found.plot().save("rates.svg")
    """

    learning_rates: list[float]
    losses: list[float]
    suggestion: float

    def plot(self) -> Picture:
        """Draw the losses over the learning rates.

        Returns:
            The picture; a notebook shows it, and `save` writes it.
        """
        exponents = [math.log10(rate) for rate in self.learning_rates]
        title = f"steepest at {self.suggestion:.2g}"
        return line_chart(
            {"loss": (exponents, self.losses)}, title=title, x_label="log10(learning rate)"
        )


def find_learning_rate(
    model: Any,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    start: float = 1e-6,
    end: float = 1.0,
    steps: int = 100,
    batch_size: int = 32,
) -> LearningRates:
    """Train a while with a learning rate that rises from step to step, and take all back.

    The loss first stays, then falls, then rises: the learning rate to take is where it falls
    fastest. Weights, optimizer, learning rate and random numbers are afterwards as before.

    Args:
        model: A compiled model, whose optimizer follows no schedule.
        x: Array of samples.
        y: Array of targets.
        sample_weight: Weight of each sample in the loss.
        start: The first learning rate.
        end: The last one; the search ends before it when the loss gets out of hand.
        steps: How many learning rates are tried, one a batch.
        batch_size: Samples in a batch; the data begins anew when it is over.

    Returns:
        Learning rates and losses, with a `suggestion` and `plot()`.

    Raises:
        ConfigError: learning rates that do not rise from above 0; fewer than 3 steps; an optimizer
            that follows a schedule.
        DataError: no samples.

    References:
        Smith, Cyclical Learning Rates for Training Neural Networks, 2017.

    Example:
        >>> model = lamina.Sequential([lamina.Input((1,)), lamina.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.linspace(-1, 1, 64).reshape(64, 1)
        >>> found = find_learning_rate(model, x, 3 * x, start=1e-3, end=10, steps=30)
        >>> 1e-3 < found.suggestion < 10
        True
        >>> found.plot()
        <Picture 480 x 320>
    """
    if not 0 < start < end or steps < 3:
        raise ConfigError(
            "find_learning_rate: expected 0 < start < end and at least 3 steps, got "
            f"start={start}, end={end}, steps={steps}"
        )
    x, y = np.asarray(x), None if y is None else np.asarray(y)
    weight = None if sample_weight is None else np.asarray(sample_weight)
    if not len(x):
        raise DataError("find_learning_rate: expected at least one sample, got none")
    model.test_on_batch(x[:1], None if y is None else y[:1])  # so that it is built
    weights, state, rate = model.get_weights(), model._training_state(), None
    rates = np.geomspace(start, end, steps).tolist()
    tried: list[float] = []
    losses: list[float] = []
    mean = 0.0
    try:
        rate = model.optimizer.learning_rate
        for step, next_rate in enumerate(rates):
            model.optimizer.learning_rate = next_rate
            rows = np.arange(step * batch_size, (step + 1) * batch_size) % len(x)
            found = model.train_on_batch(
                x[rows],
                None if y is None else y[rows],
                None if weight is None else weight[rows],
                return_dict=True,
            )
            mean = SMOOTHING * mean + (1 - SMOOTHING) * float(found["loss"])
            smooth = mean / (1 - SMOOTHING ** (step + 1))
            if not math.isfinite(smooth) or (losses and smooth > DIVERGED * min(losses)):
                break
            tried.append(next_rate)
            losses.append(smooth)
    finally:
        model.set_weights(weights)
        model._set_training_state(state)
        if rate is not None and model.optimizer.learning_rate != rate:
            model.optimizer.learning_rate = rate
        model.reset_metrics()
    if len(losses) < 3:
        raise ConfigError(
            f"find_learning_rate: expected a start at which the model learns, got start={start}, "
            "where the loss gets out of hand at once. Begin lower"
        )
    noisy = len(losses) // 10  # the running mean is of few losses there
    steepest = noisy + int(np.argmin(np.gradient(losses, np.log(tried))[noisy:]))
    return LearningRates(tried, losses, tried[steepest])
