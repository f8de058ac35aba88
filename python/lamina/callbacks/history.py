"""`History`: what happened in each epoch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.callbacks.callback import Callback, Logs
from lamina.errors import ConfigError, DataError
from lamina.utils.line_chart import line_chart
from lamina.utils.picture import Picture, side_by_side

Panels = dict[str, dict[str, tuple[list[int], list[float]]]]
"""For each panel its lines, for each line the epochs and the numbers."""


class History(Callback):
    """The loss and metrics of each epoch; `fit` makes one and returns it.

    Attributes:
        history: For each name the list of its numbers, one an epoch: `history["val_loss"][-1]`.
        epoch: The epochs that were run, counted from 0.

    Example:
        >>> model = lamina.Sequential([lamina.Input((1,)), lamina.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.arange(8.0).reshape(8, 1)
        >>> history = model.fit(x, x, epochs=3, validation_split=0.25, verbose=0)
        >>> sorted(history.history)
        ['loss', 'val_loss']
        >>> history.epoch
        [0, 1, 2]
        >>> history.plot()
        <Picture 480 x 320>
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self._epochs: dict[str, list[int]] = {}  # of each number; validation may skip some

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Count the epochs of this training."""
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Note the numbers of the epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self._epochs.setdefault(name, []).append(epoch + 1)
        self.model.history = self

    def plot(
        self, path: str | os.PathLike[str] | None = None, metrics: Sequence[str] | None = None
    ) -> Picture:
        """Draw the numbers over the epochs, each beside that of the validation data.

        Args:
            path: Where to save the picture. An `.svg` needs no further package; for other endings
                (`.png`, `.pdf`) matplotlib draws it.
            metrics: What to draw, without `val_`; None draws everything but the learning rate and
                metrics of several numbers, such as a confusion matrix.

        Returns:
            The picture; a notebook shows it.

        Raises:
            ConfigError: a metric that was not recorded or gives several numbers; an ending that
                needs matplotlib, which is not installed.
            DataError: no epoch is over yet.
        """
        if not self.history:
            raise DataError("History.plot: no epoch is over yet, so there is nothing to draw")
        panels = self._panels(metrics)
        picture = side_by_side(
            [line_chart(lines, title=name, x_label="epoch") for name, lines in panels.items()]
        )
        if path is not None:
            if os.fspath(path).endswith(".svg"):
                picture.save(path)
            else:
                _save_with_matplotlib(panels, path)
        return picture

    def _panels(self, metrics: Sequence[str] | None) -> Panels:
        names = dict.fromkeys(name.removeprefix("val_") for name in self.history)
        if metrics is None:
            shown = [name for name in names if not np.ndim(self._last(name))]
            metrics = [name for name in shown if name != "learning_rate"] or shown
        panels = {}
        for name in metrics:
            if name not in names:
                raise ConfigError(
                    f"History.plot: expected metrics among {', '.join(names)}, got {name!r}"
                )
            if np.ndim(self._last(name)):
                raise ConfigError(
                    f"History.plot: expected metrics of one number, got {name!r}, which gives "
                    f"{np.size(self._last(name))} for each epoch"
                )
            panels[name] = {
                key: (self._epochs[key], self.history[key])
                for key in (name, f"val_{name}")
                if key in self.history
            }
        return panels

    def _last(self, name: str) -> Any:
        return self.history[name if name in self.history else f"val_{name}"][-1]


def _save_with_matplotlib(panels: Panels, path: str | os.PathLike[str]) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigError(
            f"History.plot: {os.fspath(path)!r} needs matplotlib. "
            "Install it (pip install 'lamina[plot]'), or let the name end in .svg"
        ) from None
    figure = Figure(figsize=(4.8 * len(panels), 3.6), layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for (title, lines), plot in zip(panels.items(), axes, strict=True):
        for name, (epochs, values) in lines.items():
            plot.plot(epochs, values, "--" if name.startswith("val_") else "-", label=name)
        plot.set(title=title, xlabel="epoch")
        plot.grid(alpha=0.3)
        plot.legend()
    figure.savefig(path)
