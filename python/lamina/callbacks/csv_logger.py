"""`CSVLogger`: one line of a table for each epoch."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import IO, Any

from lamina.callbacks.callback import Callback, Logs


class CSVLogger(Callback):
    """Write the numbers of each epoch as a line of a CSV file, at once and flushed.

    The first line names the columns: `epoch`, then those of the first epoch by name, with a `val_`
    column for each if the first epoch had no validation. What an epoch lacks becomes `NA`.

    Args:
        filename: The file to write.
        separator: What stands between two columns.
        append: Go on with a file that exists (for a resumed training) instead of replacing it.

    Raises:
        OSError: the file cannot be written.

    Example:
        >>> log = CSVLogger(path := tmp_path / "log.csv")
        >>> log.on_train_begin()
        >>> log.on_epoch_end(0, {"loss": 0.5, "val_loss": 0.75})
        >>> log.on_train_end()
        >>> print(path.read_text(), end="")
        epoch,loss,val_loss
        0,0.5,0.75
    """

    def __init__(
        self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False
    ) -> None:
        super().__init__()
        self.sep = separator
        self.filename = os.fspath(filename)
        self.append = append
        self.writer: csv.DictWriter[str] | None = None
        self.keys: list[str] | None = None
        self.append_header = True
        self.csv_file: IO[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the file."""
        self._close()
        self.append_header = not (self.append and _has_a_line(self.filename))
        mode = "a" if self.append else "w"
        self.csv_file = open(self.filename, mode, newline="", encoding="utf-8")  # noqa: SIM115
        self.writer = None
        self.keys = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the line of this epoch."""
        if self.csv_file is None:
            self.on_train_begin()
        assert self.csv_file is not None
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
        if self.writer is None:
            columns = ["epoch", *self.keys]
            self.writer = csv.DictWriter(
                self.csv_file, columns, delimiter=self.sep, lineterminator="\n"
            )
            if self.append_header:
                self.writer.writeheader()
        self.writer.writerow(
            {"epoch": epoch, **{key: _cell(logs.get(key, "NA")) for key in self.keys}}
        )
        self.csv_file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the file."""
        self._close()
        self.writer = None

    def _close(self) -> None:
        if self.csv_file is not None:
            self.csv_file.close()
            self.csv_file = None


def _has_a_line(path: str) -> bool:
    if not os.path.exists(path):
        return False
    with open(path, encoding="utf-8") as file:
        return bool(file.readline())


def _cell(value: Any) -> Any:
    """Several numbers in one cell become a list in quotes."""
    if isinstance(value, str) or not isinstance(value, Iterable) or getattr(value, "ndim", 1) == 0:
        return value
    return f'"[{", ".join(map(str, value))}]"'
