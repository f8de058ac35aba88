"""`CallbackList`: several callbacks called as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lamina.callbacks.callback import Callback, Logs, Stage
from lamina.callbacks.history import History
from lamina.callbacks.progbar_logger import ProgbarLogger
from lamina.errors import ConfigError


class CallbackList(Callback):
    """Several callbacks that are called one after the other, in the order given.

    All callbacks of one moment share one `logs` dictionary of plain floats, sorted by name, so a
    callback may add to it what later ones (`History` above all) then see.

    Args:
        callbacks: One callback, or a (nested) list of them.
        add_history: Add a `History` at the end unless there is one.
        add_progbar: Add a `ProgbarLogger` at the end unless there is one.
        model: The model they are to serve.
        **params: What `set_params` tells each of them: `verbose`, `epochs`, `steps`.

    Raises:
        ConfigError: an entry is no callback.

    Example:
        >>> greeting = LambdaCallback(on_train_begin=lambda logs: print("go"))
        >>> CallbackList([greeting]).on_train_begin()
        go
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks = list(_flatten(callbacks))
        histories = [one for one in self.callbacks if isinstance(one, History)]
        if add_history and not histories:
            histories = [History()]
            self.callbacks += histories
        if add_progbar and not any(isinstance(one, ProgbarLogger) for one in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        self.callbacks.sort(key=lambda one: getattr(one, "_runs_last", False))
        self._history = histories[-1] if histories else None
        if model is not None:
            self.set_model(model)
        self.set_params(params)

    def states(self) -> list[tuple[str, dict[str, Any]]]:
        """What the callbacks remember of this training: class and attributes, for a backup."""
        return [
            (type(one).__name__, {name: getattr(one, name) for name in one._kept})
            for one in self._remembering()
        ]

    def set_states(self, states: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Give the callbacks back what they remembered; each the first state of its class."""
        waiting: dict[str, list[Mapping[str, Any]]] = {}
        for kind, state in states:
            waiting.setdefault(kind, []).append(state)
        for one in self._remembering():
            found = waiting.get(type(one).__name__)
            for name, value in found.pop(0).items() if found else ():
                setattr(one, name, value)

    def _remembering(self) -> list[Callback]:
        return [one for one in self.callbacks if getattr(one, "_kept", ())]

    def append(self, callback: Callback) -> None:
        """Add a callback at the end."""
        self.callbacks += _flatten(callback)

    def set_params(self, params: dict[str, Any]) -> None:
        """Tell every callback how the model will be run."""
        super().set_params(params)
        if params:
            for callback in self.callbacks:
                callback.set_params(params)

    def set_model(self, model: Any) -> None:
        """Tell every callback which model it serves; a history becomes `model.history`."""
        super().set_model(model)
        if self._history is not None:
            model.history = self._history
        for callback in self.callbacks:
            callback.set_model(model)

    def wants_batches(self, stage: Stage) -> bool:
        """Whether any of the callbacks must hear of every single batch of this stage."""
        return any(callback.wants_batches(stage) for callback in self.callbacks)

    @property
    def wants_train_batches(self) -> bool:
        """Whether `fit` must report every batch."""
        return self.wants_batches("train")

    @property
    def wants_test_batches(self) -> bool:
        """Whether `evaluate` and the validation in `fit` must report every batch."""
        return self.wants_batches("test")

    @property
    def wants_predict_batches(self) -> bool:
        """Whether `predict` must report every batch."""
        return self.wants_batches("predict")

    @property
    def wants_progress(self) -> bool:  # type: ignore[override]
        """Whether any of the callbacks likes to hear of a batch a few times a second."""
        return any(callback.wants_progress for callback in self.callbacks)

    def _call(self, hook: str, logs: Logs | None, *position: int) -> None:
        shared = plain_logs(logs)
        for callback in self.callbacks:
            getattr(callback, hook)(*position, shared)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_batch_begin` of every callback."""
        self._call("on_batch_begin", logs, batch)

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_batch_end` of every callback."""
        self._call("on_batch_end", logs, batch)

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Call `on_epoch_begin` of every callback."""
        self._call("on_epoch_begin", logs, epoch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Call `on_epoch_end` of every callback."""
        self._call("on_epoch_end", logs, epoch)

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_train_batch_begin` of every callback."""
        self._call("on_train_batch_begin", logs, batch)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_train_batch_end` of every callback."""
        self._call("on_train_batch_end", logs, batch)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_test_batch_begin` of every callback."""
        self._call("on_test_batch_begin", logs, batch)

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_test_batch_end` of every callback."""
        self._call("on_test_batch_end", logs, batch)

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_predict_batch_begin` of every callback."""
        self._call("on_predict_batch_begin", logs, batch)

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Call `on_predict_batch_end` of every callback."""
        self._call("on_predict_batch_end", logs, batch)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Call `on_train_begin` of every callback."""
        self._call("on_train_begin", logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Call `on_train_end` of every callback."""
        self._call("on_train_end", logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Call `on_test_begin` of every callback."""
        self._call("on_test_begin", logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Call `on_test_end` of every callback."""
        self._call("on_test_end", logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Call `on_predict_begin` of every callback."""
        self._call("on_predict_begin", logs)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Call `on_predict_end` of every callback."""
        self._call("on_predict_end", logs)


def plain_logs(logs: Mapping[str, Any] | None) -> Logs:
    """A new dictionary sorted by name, nested ones merged in, numbers as floats."""
    plain: Logs = {}
    for name, value in sorted((logs or {}).items()):
        if isinstance(value, Mapping):
            plain.update(plain_logs(value))
            continue
        try:
            plain[name] = float(value)
        except (TypeError, ValueError):  # text, or an array of several numbers
            plain[name] = value
    return plain


def _flatten(callbacks: Any) -> Iterator[Any]:
    if callbacks is None:
        return
    if isinstance(callbacks, Mapping):
        callbacks = list(callbacks.values())
    if isinstance(callbacks, (list, tuple)):
        for one in callbacks:
            yield from _flatten(one)
        return
    if isinstance(callbacks, type):
        name = callbacks.__name__
        raise ConfigError(
            f"callbacks: expected callback objects, got the class {name}. Make one: {name}(...)"
        )
    if not hasattr(callbacks, "on_epoch_end"):
        raise ConfigError(
            f"callbacks: expected callback objects, got {callbacks!r}. "
            "Derive from lamina.callbacks.Callback, or wrap a function in LambdaCallback"
        )
    yield callbacks
