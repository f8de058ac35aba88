"""`Progbar`: how far something has come, how long it will take, and the numbers so far."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from lamina.errors import ConfigError
from lamina.utils.screen import Line, Style, screen_for_stdout


class Progbar:
    """A line that shows progress: step, bar, time left, time per step, numbers.

    On a terminal and in a notebook the line is drawn anew in place; elsewhere (a file, a pipe) one
    plain line is written at the end, and one a minute until then.

    Args:
        target: Number of steps expected; None if unknown.
        width: Length of the bar in characters.
        verbose: 0 shows nothing, 1 or `"auto"` the bar, 2 one plain line at the end.
        interval: Seconds between two drawings, at least.
        stateful_metrics: Names of numbers to show as they come; the others are averaged over the
            steps.
        stateless_metrics: Names of numbers to average; the others are shown as they come. Not
            together with `stateful_metrics`.
        unit_name: What a step is called.

    Raises:
        ConfigError: both kinds of names given; an unknown `verbose`.

    Example:
        >>> bar = Progbar(10, verbose=2)
        >>> for step in range(10):
        ...     bar.add(1, [("loss", 0.25)])
        10/10 - 0s - .../step - loss: 0.2500
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int | Literal["auto"] = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ConfigError(
                "Progbar: expected stateful_metrics or stateless_metrics, got both. "
                "Every name left out of one is of the other kind"
            )
        if verbose not in (0, 1, 2, "auto"):
            raise ConfigError(f"Progbar: verbose must be 0, 1, 2 or 'auto', got {verbose!r}")
        self.target = target
        self.width = width
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.interval = interval
        self.unit_name = unit_name
        self._stateful = set(stateful_metrics or ())
        self._stateless = None if stateless_metrics is None else set(stateless_metrics)
        self._sums: dict[str, tuple[float, float]] = {}  # name: (sum, steps it is over)
        self._seen = 0
        self._screen = screen_for_stdout()
        self._start = time.perf_counter()
        self._first_step_end: float | None = None
        self._last_draw = float("-inf") if self._screen.in_place else self._start

    def update(
        self,
        current: int,
        values: Sequence[tuple[str, Any]] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Show that `current` steps are done.

        Args:
            current: Steps done so far.
            values: Names and numbers of the last step.
            finalize: Whether this is the last call; None means when the target is reached.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        self._collect(current, values or (), finalize)
        self._seen = current
        now = time.perf_counter()
        step_seconds = self._seconds_per_step(current, now)
        if self.verbose == 0:
            return
        if self.verbose == 2 or not self._screen.in_place:
            pause_over = self.verbose == 1 and now - self._last_draw >= self._screen.interval
            if finalize or pause_over:
                self._screen.write_line(self._plain_line(current, now, step_seconds))
                self._last_draw = now
        elif finalize or now - self._last_draw >= self.interval:
            line = self._bar_line(current, now, step_seconds, finalize)
            self._screen.draw(line, last=finalize)
            self._last_draw = now

    def add(self, n: int, values: Sequence[tuple[str, Any]] | None = None) -> None:
        """Show that `n` more steps are done."""
        self.update(self._seen + n, values)

    def _collect(self, current: int, values: Iterable[tuple[str, Any]], finalize: bool) -> None:
        steps = max(current - self._seen, 1)
        for name, value in values:
            number = float(np.mean(value))
            averaged = name not in self._stateful
            if self._stateless is not None:
                averaged = name in self._stateless
            if averaged and not finalize:
                total, count = self._sums.get(name, (0.0, 0.0))
                self._sums[name] = (total + number * steps, count + steps)
            else:
                self._sums[name] = (number, 1.0)

    def _seconds_per_step(self, current: int, now: float) -> float:
        """The mean duration of a step, without the first one, which has set-up in it."""
        if current <= 0:
            return 0.0
        if self._first_step_end is not None and current > 1:
            return (now - self._first_step_end) / (current - 1)
        if current == 1:
            self._first_step_end = now
        return (now - self._start) / current

    def _bar_line(self, current: int, now: float, step_seconds: float, last: bool) -> Line:
        line: Line = []
        if self.target:
            filled = min(int(self.width * current / self.target), self.width)
            line.append((f"{current:{len(str(self.target))}d}/{self.target}", Style.BOLD))
            line.append((" ", Style.PLAIN))
            line.append((self._screen.full * filled, Style.DONE))
            line.append((self._screen.empty * (self.width - filled), Style.TODO))
        else:
            line.append((f"{current:7d}/Unknown", Style.PLAIN))
        line.append((" ", Style.PLAIN))
        if self.target and not last:
            line.append((_clock(step_seconds * (self.target - current)), Style.BOLD))
        else:
            line.append((f"{now - self._start:.0f}s", Style.BOLD))
        line.append((f" {_duration(step_seconds)}/{self.unit_name}", Style.PLAIN))
        line.append((self._numbers(), Style.PLAIN))
        return line

    def _plain_line(self, current: int, now: float, step_seconds: float) -> str:
        of = f"{current:{len(str(self.target))}d}/{self.target}" if self.target else f"{current}"
        return (
            f"{of} - {now - self._start:.0f}s - {_duration(step_seconds)}/{self.unit_name}"
            f"{self._numbers()}"
        )

    def _numbers(self) -> str:
        text = ""
        for name, (total, count) in self._sums.items():
            mean = total / max(1.0, count)
            text += f" - {name}: {mean:.4f}" if abs(mean) > 1e-3 else f" - {name}: {mean:.4e}"
        return text


def _clock(seconds: float) -> str:
    if seconds > 3600:
        return f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02d}:{int(seconds % 60):02d}"
    if seconds > 60:
        return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
    return f"{int(seconds)}s"


def _duration(seconds: float) -> str:
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms"
    return f"{seconds * 1e6:.0f}us"
