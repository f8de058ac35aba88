"""`MonitorCallback`: what callbacks that wait for a better number have in common."""

from __future__ import annotations

import operator
import re
import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from lamina.callbacks.callback import Callback, Logs
from lamina.errors import ConfigError

_LARGER_IS_BETTER = (
    "acc|accuracy|auc|precision|recall|cosine_similarity|r2_score|f1_score|fbeta_score|"
    "true_positives|true_negatives|(mean_|binary_|one_hot_|one_hot_mean_)?io_?u|"
    "pearson_correlation|concordance_correlation|"
    "(sensitivity|specificity|precision|recall)_at_(sensitivity|specificity|precision|recall)"
)
_SMALLER_IS_BETTER = (
    "loss|error|crossentropy|entropy|mse|mae|mape|msle|bce|kld|hinge|log_?cosh|poisson|"
    "kl_divergence|kullback_leibler_divergence|false_positives|false_negatives"
)


class MonitorCallback(Callback):
    """A callback that compares a number of the logs with the best it has seen.

    Args:
        monitor: Name of the number in the logs.
        mode: `"min"` (smaller is better), `"max"`, or `"auto"`: as the name says.
        baseline: The number to beat at first; None lets the first one be the best.
        min_delta: A change smaller than this does not count.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0,
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f"{type(self).__name__}: mode {mode!r} is unknown, using 'auto'. "
                "Known are 'auto', 'min', 'max'",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self.monitor_op: Callable[[float, float], bool] | None = None

    def _is_improvement(self, value: float, reference: float | None) -> bool:
        """Whether the value beats the reference by more than `min_delta`; anything beats None."""
        if reference is None:
            return True
        if self.monitor_op is None:  # "auto" needs the compiled model, so not before now
            self.monitor_op = operator.lt if self._direction() == "min" else operator.gt
        margin = self.min_delta if self.monitor_op is operator.lt else -self.min_delta
        return self.monitor_op(value + margin, reference)

    def _direction(self) -> Literal["min", "max"]:
        if self.mode == "min" or self.mode == "max":
            return "min" if self.mode == "min" else "max"
        name = self.monitor.removeprefix("val_")
        for metric in getattr(self.model, "metrics", []):
            direction = getattr(metric, "_direction", None)
            if getattr(metric, "name", None) == name and direction in ("up", "down"):
                return "max" if direction == "up" else "min"
        stem = re.sub(r"_\d+$", "", name)  # a second metric of a kind is called "auc_1"
        if re.search(rf"(^|_)({_SMALLER_IS_BETTER})$", stem):
            return "min"
        if re.search(rf"(^|_)({_LARGER_IS_BETTER})$", stem):
            return "max"
        raise ConfigError(
            f"{type(self).__name__}: cannot tell whether {self.monitor!r} should grow or shrink. "
            "Pass mode='max' or mode='min'"
        )

    def _monitored(self, logs: Logs | None, purpose: str) -> Any:
        """The number, or None with a warning that tells what there is instead."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            available = ", ".join(logs or {}) or "none"
            warnings.warn(
                f"{type(self).__name__}: {purpose} needs {self.monitor!r}, which is not in the "
                f"logs; there are: {available}",
                stacklevel=3,
            )
        elif getattr(value, "ndim", 0):
            raise ConfigError(
                f"{type(self).__name__}: {purpose} needs one number, {self.monitor!r} gives "
                f"{np.size(value)}. Let the metric average them, or monitor another"
            )
        return value
