"""`LambdaCallback`: a callback made of plain functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.callbacks.callback import Callback
from lamina.errors import ConfigError

Hook = Callable[..., Any]


class LambdaCallback(Callback):
    """A callback made of plain functions, one for each hook.

    The functions get the arguments of the hooks by position, so that they may name them freely.

    Args:
        on_epoch_begin: `function(epoch, logs)`.
        on_epoch_end: `function(epoch, logs)`.
        on_train_begin: `function(logs)`.
        on_train_end: `function(logs)`.
        on_train_batch_begin: `function(batch, logs)`.
        on_train_batch_end: `function(batch, logs)`.
        **kwargs: Any other hook of `Callback` by its name.

    Raises:
        ConfigError: a name that is no hook; something that cannot be called.

    Example:
        >>> note = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
        >>> note.on_epoch_end(3, {"loss": 0.5})
        3 0.5
    """

    def __init__(
        self,
        on_epoch_begin: Hook | None = None,
        on_epoch_end: Hook | None = None,
        on_train_begin: Hook | None = None,
        on_train_end: Hook | None = None,
        on_train_batch_begin: Hook | None = None,
        on_train_batch_end: Hook | None = None,
        **kwargs: Hook | None,
    ) -> None:
        super().__init__()
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, function in hooks.items():
            if not name.startswith("on_") or not hasattr(Callback, name):
                known = sorted(hook for hook in dir(Callback) if hook.startswith("on_"))
                raise ConfigError(
                    f"LambdaCallback: expected hooks among {', '.join(known)}, got {name!r}"
                )
            if function is None:
                continue
            if not callable(function):
                raise ConfigError(f"LambdaCallback: {name} must be a function, got {function!r}")
            setattr(self, name, function)
