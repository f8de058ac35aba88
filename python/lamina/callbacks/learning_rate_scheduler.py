"""`LearningRateScheduler`: a learning rate for each epoch by a function."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np

from lamina.callbacks.callback import Callback, Logs
from lamina.errors import ConfigError


class LearningRateScheduler(Callback):
    """Ask a function for the learning rate before every epoch.

    The rate is also put into the logs of the epoch, as `learning_rate`.

    Args:
        schedule: `function(epoch, learning_rate)` or `function(epoch)`, which returns the new rate
            as a float; epochs count from 0.
        verbose: 1 prints each rate.

    Raises:
        ConfigError: the function returns something else than a float.

    Example:
        >>> def halve_after_ten(epoch, learning_rate):
        ...     return learning_rate if epoch < 10 else 0.5 * learning_rate
        >>> scheduler = LearningRateScheduler(halve_after_ten)
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the rate of this epoch."""
        optimizer = self.model.optimizer
        old = float(optimizer.learning_rate)
        new = self.schedule(epoch, old) if self._takes_rate(epoch, old) else self.schedule(epoch)
        if not isinstance(new, (float, np.floating)):
            raise ConfigError(
                "LearningRateScheduler: expected the schedule to return a float, "
                f"got {new!r} for epoch {epoch}"
            )
        optimizer.learning_rate = float(new)
        if self.verbose > 0:
            print(
                f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {new}.",
                flush=True,
            )

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Put the rate into the logs."""
        if logs is not None:
            logs["learning_rate"] = float(self.model.optimizer.learning_rate)

    def _takes_rate(self, epoch: int, rate: float) -> bool:
        try:
            inspect.signature(self.schedule).bind(epoch, rate)
        except TypeError:
            return False
        except ValueError:  # a built-in that does not tell its arguments
            return True
        return True
