"""`EarlyStopping`: end the training when it has stopped getting better."""

from __future__ import annotations

from typing import Any

from lamina.callbacks.callback import Logs
from lamina.callbacks.monitor import MonitorCallback


class EarlyStopping(MonitorCallback):
    """Stop training when a number has not improved for some epochs.

    Args:
        monitor: Name of the number in the logs, such as `"val_loss"` or `"val_accuracy"`.
        min_delta: A change smaller than this is no improvement.
        patience: How many epochs in a row without improvement to wait before stopping.
        verbose: 1 prints when it stops and restores.
        mode: `"min"`, `"max"`, or `"auto"`: the direction follows from the name.
        baseline: Only numbers better than this count as improvement for the patience.
        restore_best_weights: Give the model the weights of its best epoch at the end, whether or
            not it stopped early. Otherwise it keeps those of the last epoch.
        start_from_epoch: Do not look at the first epochs, which may be a warm-up.

    Raises:
        ConfigError: `mode="auto"` and a name that does not tell the direction.

    Example:
        >>> model = lamina.Sequential([lamina.Input((1,)), lamina.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.arange(8.0).reshape(8, 1)
        >>> stop = EarlyStopping("loss", min_delta=1e9, patience=2)
        >>> history = model.fit(x, x, epochs=50, callbacks=[stop], verbose=0)
        >>> len(history.epoch)
        3
    """

    _kept = ("wait", "stopped_epoch", "best", "best_epoch", "best_weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.wait = 0
        self.stopped_epoch = 0
        self.restore_best_weights = restore_best_weights
        self.best_weights: list[Any] | None = None
        self.best_epoch = 0
        self.start_from_epoch = start_from_epoch

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier training."""
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_weights = None
        self.best_epoch = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare, and stop when the patience is at its end."""
        current = self._monitored(logs, "stopping early")
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._remember(epoch)
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best = current
            self._remember(epoch)
            if self._is_improvement(current, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Restore the best weights if asked to."""
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping", flush=True)
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print(
                    "Restoring model weights from the end of the best epoch: "
                    f"{self.best_epoch + 1}.",
                    flush=True,
                )
            self.model.set_weights(self.best_weights)

    def _remember(self, epoch: int) -> None:
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()
