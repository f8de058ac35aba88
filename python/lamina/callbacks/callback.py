"""`Callback`: the moments at which a training can be watched and steered."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

Logs = dict[str, Any]
Stage = Literal["train", "test", "predict"]


class Callback:
    """Something that happens at fixed moments of `fit`, `evaluate` and `predict`.

    Derive from it and override the hooks you need; the others do nothing. All hooks get `logs`, the
    numbers known at that moment: `{"loss": ..., "accuracy": ...}`, with `val_` before those of the
    validation data. During a hook `self.model` is the model and `self.params` says how it is run:
    `{"verbose": ..., "epochs": ..., "steps": ...}`.

    Setting `self.model.stop_training = True` ends `fit` after the current batch or epoch. An
    exception in a hook ends it at once and leaves a usable model.

    As long as no callback overrides a hook of single batches, many batches run in one go, which is
    faster for small models.

    Example:
        >>> class PrintLoss(Callback):
        ...     def on_epoch_end(self, epoch, logs=None):
        ...         print(f"epoch {epoch}: loss {logs['loss']:.2f}")
        >>> PrintLoss().on_epoch_end(0, {"loss": 0.25})
        epoch 0: loss 0.25
    """

    params: dict[str, Any] | None = None
    _model: Any = None

    _kept: ClassVar[tuple[str, ...]] = ()
    """The attributes that a backup of a training keeps: plain values, or lists of arrays."""

    _runs_last: ClassVar[bool] = False
    """Whether it must see what all other callbacks of a moment have done."""

    wants_progress = False
    """Whether batch hooks a few times a second are welcome though single batches do not matter."""

    def __init__(self) -> None:
        self.params = None
        self._model = None

    @property
    def model(self) -> Any:
        """The model that is being trained, evaluated or asked for predictions."""
        return self._model

    def set_params(self, params: dict[str, Any]) -> None:
        """Learn how the model will be run; called before the first hook."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Learn which model it is; called before the first hook."""
        self._model = model

    def wants_batches(self, stage: Stage) -> bool:
        """Whether every single batch of this stage must be reported: a hook of it is overridden."""
        hooks = [f"on_{stage}_batch_begin", f"on_{stage}_batch_end"]
        if stage == "train":
            hooks += ["on_batch_begin", "on_batch_end"]
        return any(self._overrides(hook) for hook in hooks)

    def _overrides(self, hook: str) -> bool:
        own = getattr(self, hook)
        return getattr(own, "__func__", own) is not getattr(Callback, hook)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name for `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name for `on_train_batch_end`."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Run before an epoch of `fit`; epochs count from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Run after an epoch of `fit` and its validation."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Run before a batch of `fit`; batches count from 0 in each epoch."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Run after a batch of `fit`; `logs` are the means over the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Run before a batch of `evaluate` or of the validation in `fit`."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Run after a batch of `evaluate` or of the validation in `fit`."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Run before a batch of `predict`."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Run after a batch of `predict`."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Run once before the first epoch of `fit`."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Run once after the last epoch of `fit`; `logs` are those of the last epoch."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Run before `evaluate`, and before each validation in `fit`."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Run after `evaluate`, and after each validation in `fit`."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Run before `predict`."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Run after `predict`."""
