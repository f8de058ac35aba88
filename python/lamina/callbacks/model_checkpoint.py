"""`ModelCheckpoint`: save the model while it is being trained."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np

from lamina.callbacks.callback import Logs, Stage
from lamina.callbacks.monitor import MonitorCallback
from lamina.errors import ConfigError, FileError


class ModelCheckpoint(MonitorCallback):
    """Save the model, or its weights, after every epoch or every so many batches.

    A file is replaced only when its successor is whole, so a crash leaves the older one.

    Args:
        filepath: The file to write. It may name numbers to fill in, as in
            `"{epoch:02d}-{val_loss:.2f}.lamina"`: `epoch` (from 1), `batch` (from 1, when saving
            within an epoch) and everything in the logs. Folders are made as needed.
        monitor: Name of the number that tells which model is best.
        verbose: 1 prints what is done.
        save_best_only: Save only when the number is better than ever before.
        save_weights_only: Call `model.save_weights` instead of `model.save`.
        mode: `"min"`, `"max"`, or `"auto"`: the direction follows from the name.
        save_freq: `"epoch"`, or a number of batches after each of which to save.
        initial_value_threshold: With `save_best_only`, the number the first model has to beat.

    Raises:
        ConfigError: a `save_freq` that is neither; a file name in a format of Keras; a name to fill
            in that is not in the logs.
        FileError: the path is a folder, or cannot be written.

    Example:
        >>> model = lamina.Sequential([lamina.Input((1,)), lamina.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.arange(8.0).reshape(8, 1)
        >>> save = ModelCheckpoint(tmp_path / "{epoch:02d}.lamina")
        >>> history = model.fit(x, x, epochs=2, callbacks=[save], verbose=0)
        >>> sorted(file.name for file in tmp_path.iterdir())
        ['01.lamina', '02.lamina']
    """

    _kept = ("best", "_batches_since_saving", "_last_batch")

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self._current_epoch = 0
        self._batches_since_saving = 0
        self._last_batch: int | None = None
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise ConfigError(
                f"ModelCheckpoint: save_freq must be 'epoch' or a number of batches, "
                f"got {save_freq!r}"
            )
        if self.filepath.endswith((".keras", ".h5")):
            raise ConfigError(
                f"ModelCheckpoint: {self.filepath!r} names a format of Keras, which lamina does "
                "not write. Let it end in .lamina"
            )

    def wants_batches(self, stage: Stage) -> bool:
        """Only to save within epochs must every batch be known."""
        own = type(self) is not ModelCheckpoint and super().wants_batches(stage)
        return own or (stage == "train" and self.save_freq != "epoch")

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Note the epoch for file names."""
        self._current_epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Save if enough batches have passed."""
        if self.save_freq == "epoch":
            return
        assert isinstance(self.save_freq, int)
        new_epoch = self._last_batch is None or batch <= self._last_batch
        self._batches_since_saving += batch + 1 if new_epoch else batch - (self._last_batch or 0)
        self._last_batch = batch
        if self._batches_since_saving >= self.save_freq:
            self._batches_since_saving = 0
            self._save(self._current_epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save if epochs are what counts."""
        if self.save_freq == "epoch":
            self._save(epoch, None, logs or {})

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        path = self._path(epoch, batch, logs)
        if not self._is_due(epoch, logs, path):
            return
        if os.path.isdir(path):
            raise FileError(f"ModelCheckpoint: expected a file to write, got the folder {path}")
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path, overwrite=True)
        else:
            self.model.save(path, overwrite=True)
        self._say(epoch, f"finished saving model to {path}")

    def _is_due(self, epoch: int, logs: Logs, path: str) -> bool:
        if not self.save_best_only:
            self._say(epoch, f"saving model to {path}")
            return True
        current = self._monitored(logs, "saving the best model only")
        if current is None:
            return True
        if np.ndim(current) > 0:
            warnings.warn(
                f"ModelCheckpoint: {self.monitor!r} must be one number to find the best model, "
                f"got {current}; saving every time",
                stacklevel=4,
            )
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not self._is_improvement(current, self.best):
            self._say(epoch, f"{self.monitor} did not improve from {best}")
            return False
        self._say(
            epoch,
            f"{self.monitor} improved from {best} to {current:.5f}, saving model to {path}",
        )
        self.best = current
        return True

    def _path(self, epoch: int, batch: int | None, logs: Logs) -> str:
        known: dict[str, Any] = {"epoch": epoch + 1}
        if batch is not None:
            known["batch"] = batch + 1
        known.update(logs)
        try:
            return self.filepath.format(**known)
        except (KeyError, IndexError, ValueError) as error:
            raise ConfigError(
                f"ModelCheckpoint: cannot fill in the file name {self.filepath!r}: {error}. "
                f"Known names: {', '.join(known)}"
            ) from None

    def _say(self, epoch: int, message: str) -> None:
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: {message}", flush=True)
