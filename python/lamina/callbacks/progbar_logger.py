"""`ProgbarLogger`: show how far `fit`, `evaluate` and `predict` have come."""

from __future__ import annotations

from typing import Any

from lamina.callbacks.callback import Callback, Logs, Stage
from lamina.utils.progbar import Progbar

REDRAW_SECONDS = 0.1
"""A bar is drawn at most ten times a second: eyes need no more, and notebooks drown in more."""


class ProgbarLogger(Callback):
    """Show a progress bar for each epoch, with the loss and the metrics so far.

    `fit`, `evaluate` and `predict` add one by themselves unless `verbose=0`.

    Example:
        >>> bar = ProgbarLogger()
        >>> bar.set_params({"verbose": 2, "epochs": 1, "steps": 4})
        >>> bar.on_epoch_begin(0)
        >>> bar.on_epoch_end(0, {"loss": 0.5})
        4/4 - 0s - .../step - loss: 0.5000
    """

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0
        self.progbar: Progbar | None = None
        self.target: int | None = None
        self.verbose = 1
        self.epochs = 1
        self._in_fit = False

    @property
    def wants_progress(self) -> bool:  # type: ignore[override]
        """Whether there is a bar to move."""
        return self.verbose == 1

    def wants_batches(self, stage: Stage) -> bool:
        """A bar need not move at every batch."""
        return type(self) is not ProgbarLogger and super().wants_batches(stage)

    def set_params(self, params: dict[str, Any]) -> None:
        """Learn how much to show, and how many steps there will be."""
        super().set_params(params)
        verbose = params.get("verbose", "auto")
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.epochs = params.get("epochs") or 1
        self.target = params.get("steps")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Note that validation has no bar of its own from here on."""
        self._in_fit = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Note that `fit` is over."""
        self._in_fit = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start a bar."""
        self._start()
        if self.verbose and self.epochs > 1:
            print(f"Epoch {epoch + 1}/{self.epochs}", flush=True)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Move the bar."""
        self._move(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Finish the bar."""
        self._finish(logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Start a bar, outside of `fit`."""
        if not self._in_fit:
            self._start()

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Move the bar, outside of `fit`."""
        if not self._in_fit:
            self._move(batch, logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Finish the bar, outside of `fit`."""
        if not self._in_fit:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Start a bar."""
        self._start()

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Move the bar."""
        self._move(batch, None)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Finish the bar."""
        self._finish(None)

    def _start(self) -> Progbar:
        self.seen = 0
        self.progbar = Progbar(
            self.target, verbose=self.verbose, interval=REDRAW_SECONDS, stateless_metrics=[]
        )
        return self.progbar

    def _move(self, batch: int, logs: Logs | None) -> None:
        self.seen = batch + 1
        bar = self.progbar or self._start()
        if self.verbose == 1:
            bar.update(self.seen, list((logs or {}).items()), finalize=False)

    def _finish(self, logs: Logs | None) -> None:
        bar = self.progbar or self._start()
        if self.target is None:
            self.target = bar.target = self.seen
        bar.update(self.target, list((logs or {}).items()), finalize=True)
