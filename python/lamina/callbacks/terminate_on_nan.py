"""`TerminateOnNaN`: stop when the loss is no number any more."""

from __future__ import annotations

import math

from lamina.callbacks.callback import Callback, Logs


class TerminateOnNaN(Callback):
    """Stop training after the first batch whose loss is NaN or infinite.

    Args:
        raise_error: Raise a RuntimeError at once, so that no `on_train_end` runs, instead of ending
            `fit` in the normal way.

    Raises:
        RuntimeError: the loss is NaN or infinite and `raise_error` is set.

    Example:
        >>> TerminateOnNaN(raise_error=True).on_train_batch_end(7, {"loss": float("nan")})
        Traceback (most recent call last):
        ...
        RuntimeError: batch 7: the loss is nan. Try a smaller learning rate, or look for NaN in ...
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"batch {batch}: the loss is {loss}. "
                "Try a smaller learning rate, or look for NaN in the data"
            )
        print(f"Batch {batch}: Invalid loss, terminating training", flush=True)
        self.model.stop_training = True
