"""`BackupAndRestore`: go on with a training that was cut off."""

from __future__ import annotations

import os
from typing import Any

from lamina.callbacks.callback import Callback, Logs, Stage
from lamina.errors import ConfigError, FileError

LATEST, PREVIOUS = "latest.lamina", "latest.lamina.bkp"


class BackupAndRestore(Callback):
    """Keep a backup of a training, and go on from it when the program is started again.

    Run the same program again after a crash: `fit` finds the backup and goes on behind the very
    batch it was made after, with the same shuffling and the same random draws. The weights at the
    end have the same bits as those of a run that was never cut off. (Keras begins the epoch anew.)

    A backup holds weights, the optimizer's state, learning rate, seeds, the place in the data, and
    what `EarlyStopping`, `ReduceLROnPlateau`, `ModelCheckpoint` and `TensorBoard` remember; it is
    made after all other callbacks have run. It does not hold the state of data that are made on
    the way: a generator must begin as it began before, and is run forward to its place.

    Args:
        backup_dir: Folder for the backup, for this training alone.
        save_freq: `"epoch"`, or a number of batches after each of which to make a backup.
        double_checkpoint: Keep the backup before the last one too, to go on from it if the last
            cannot be read.
        delete_checkpoint: Remove the backup when the training has come to its end.

    Raises:
        ConfigError: no folder; a `save_freq` that is neither.
        FileError: a backup that cannot be read or written.
        ParamError: a backup of another model.

    Example:
        >>> def train(epochs, callbacks):
        ...     lamina.utils.set_random_seed(1)
        ...     model = lamina.Sequential([lamina.Input((1,)), lamina.layers.Dense(1)])
        ...     model.compile("adam", "mse")
        ...     model.fit(x, x, 2, epochs, verbose=0, callbacks=callbacks)
        ...     return float(model.get_weights()[0][0, 0])
        >>> x = np.arange(8.0).reshape(8, 1)
        >>> def cut_off(batch, logs):
        ...     if batch == 2:
        ...         raise RuntimeError("no power")
        >>> power_cut = LambdaCallback(on_train_batch_end=cut_off)
        >>> backup = BackupAndRestore(tmp_path / "backup", save_freq=1)
        >>> try:
        ...     train(3, [backup, power_cut])
        ... except RuntimeError as error:
        ...     print(error)
        no power
        >>> train(3, [backup]) == train(3, None)
        True
    """

    _runs_last = True

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not backup_dir:
            raise ConfigError(f"BackupAndRestore: expected a folder, got {backup_dir!r}")
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 1):
            raise ConfigError(
                "BackupAndRestore: save_freq must be 'epoch' or a number of batches, "
                f"got {save_freq!r}"
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = save_freq
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self._batches_since_saving = 0

    @property
    def _latest(self) -> str:
        return os.path.join(self.backup_dir, LATEST)

    @property
    def _previous(self) -> str:
        return os.path.join(self.backup_dir, PREVIOUS)

    def wants_batches(self, stage: Stage) -> bool:
        """Only for backups within epochs must every batch be known."""
        own = type(self) is not BackupAndRestore and super().wants_batches(stage)
        return own or (stage == "train" and self.save_freq != "epoch")

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Go on from the backup, if there is one."""
        self._batches_since_saving = 0
        try:
            if os.path.exists(self._latest):
                self.model._load_backup(self._latest)
                return
        except FileError:
            if not os.path.exists(self._previous):
                raise
        if os.path.exists(self._previous):
            self.model._load_backup(self._previous)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Make a backup if enough batches have passed."""
        self._batches_since_saving += 1
        if self._batches_since_saving == self.save_freq:
            self._save()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Make a backup if epochs are what counts."""
        if self.save_freq == "epoch":
            self._save()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Remove the backup: there is nothing to go on with."""
        if not self.delete_checkpoint:
            return
        for path in (self._latest, self._previous):
            if os.path.exists(path):
                os.remove(path)
        if os.path.isdir(self.backup_dir) and not os.listdir(self.backup_dir):
            os.rmdir(self.backup_dir)

    def _save(self) -> None:
        self._batches_since_saving = 0
        os.makedirs(self.backup_dir, exist_ok=True)
        if self.double_checkpoint and os.path.exists(self._latest):
            os.replace(self._latest, self._previous)
        model: Any = self.model
        averaged = model._holds_averages
        if averaged:  # a backup is of the weights that are trained
            model._swap_averages()
        try:
            model._save_backup(self._latest)
        finally:
            if averaged:
                model._swap_averages()
