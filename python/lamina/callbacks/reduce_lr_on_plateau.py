"""`ReduceLROnPlateau`: smaller steps when the training has stopped getting better."""

from __future__ import annotations

import numpy as np

from lamina.callbacks.callback import Logs
from lamina.callbacks.monitor import MonitorCallback
from lamina.errors import ConfigError


class ReduceLROnPlateau(MonitorCallback):
    """Multiply the learning rate by a factor when a number has not improved for some epochs.

    The rate is also put into the logs of the epoch, as `learning_rate`.

    Args:
        monitor: Name of the number in the logs.
        factor: The new rate is the old one times this.
        patience: How many epochs in a row without improvement to wait.
        verbose: 1 prints each change.
        mode: `"min"`, `"max"`, or `"auto"`: the direction follows from the name.
        min_delta: A change smaller than this is no improvement.
        cooldown: After a change, so many epochs are not counted.
        min_lr: The rate never falls below this.

    Raises:
        ConfigError: factor of 1 or more; `mode="auto"` and a name that does not tell the direction.

    Example:
        >>> model = lamina.Sequential([lamina.Input((1,)), lamina.layers.Dense(1)])
        >>> model.compile(lamina.optimizers.SGD(0.01), "mse")
        >>> x = np.arange(8.0).reshape(8, 1)
        >>> reduce = ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=1e9)
        >>> history = model.fit(x, x, epochs=4, callbacks=[reduce], verbose=0)
        >>> [round(rate, 5) for rate in history.history["learning_rate"]]
        [0.01, 0.01, 0.005, 0.0025]
    """

    _kept = ("wait", "cooldown_counter", "best")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ConfigError(f"ReduceLROnPlateau: factor must be below 1, got {factor}")
        self.factor = factor
        self.min_lr = min_lr
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier training."""
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare, and lower the rate when the patience is at its end."""
        logs = {} if logs is None else logs
        logs["learning_rate"] = float(self.model.optimizer.learning_rate)
        current = self._monitored(logs, "lowering the learning rate")
        if current is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and self._reduce(epoch):
                self.cooldown_counter = self.cooldown
                self.wait = 0

    def in_cooldown(self) -> bool:
        """Whether the epochs after a change are not over yet."""
        return self.cooldown_counter > 0

    def _reduce(self, epoch: int) -> bool:
        optimizer = self.model.optimizer
        old = float(optimizer.learning_rate)
        # An optimizer may keep the rate as a float32, which can lie beside `min_lr`.
        if old <= max(self.min_lr, float(np.float32(self.min_lr))):
            return False
        new = max(old * self.factor, self.min_lr)
        optimizer.learning_rate = new
        if self.verbose > 0:
            print(
                f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}.",
                flush=True,
            )
        return True
