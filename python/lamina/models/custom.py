"""Losses and metrics that are Python functions: steps one by one, between which they are called.

The engine runs a step as far as its outputs (`begin`), the function gives losses and their
gradients, and the rest of the step takes both as its targets (`finish`, `src/losses/given.rs`).
Weights change when a step ends, so a function that raises, or Ctrl-C in it, leaves the model as
it was. How much a function gives is not known before its first batch: that one is shown by a pass
of its own (`peek`), and so is every batch where an optimizer runs steps several times.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import _core
from lamina._arrays import Array
from lamina.errors import ConfigError, ShapeError
from lamina.metrics import MeanMetricWrapper

if TYPE_CHECKING:
    from lamina.models.compiling import Plan


def is_function(value: Any) -> bool:
    """Whether a loss or metric is a function of the user's, not an object or function of lamina."""
    return isinstance(value, MeanMetricWrapper) or (
        callable(value)
        and not isinstance(value, type)
        and not hasattr(value, "get_config")
        and not str(getattr(value, "__module__", "")).startswith("lamina.")
    )


def wrapped(metric: Any) -> Any:
    """The function of a `MeanMetricWrapper`; any other metric as it is."""
    return metric.function if isinstance(metric, MeanMetricWrapper) else metric


def name_of(function: Any) -> str:
    """What the logs call it."""
    return str(getattr(function, "__name__", type(function).__name__))


@dataclass
class CustomMetric:
    """A metric that is worked out between steps: a function, or one beside a custom loss."""

    output: int
    name: str
    given: Any
    """The function, or {"class_name", "config"}."""
    weighted: bool
    engine: _core.Metric | None = None

    def update(self, target: Array, prediction: Array, weight: Array | None) -> None:
        """Take a batch in."""
        weight = weight if self.weighted else None
        dtype = str(prediction.dtype)
        if isinstance(self.given, dict):
            if self.engine is None:
                described = _resolved(self.given, target, prediction)
                self.engine = _core.Metric(json.dumps(described), dtype)
            self.engine.update(target, prediction, weight)
            return
        if self.engine is None:
            self.engine = _core.Metric(json.dumps({"class_name": "Mean", "config": {}}), dtype)
        values = np.asarray(self.given(target, prediction), dtype=dtype)
        if values.ndim == 0:
            values = np.broadcast_to(values, prediction.shape[:1])
        if values.shape[:1] != prediction.shape[:1]:
            raise ShapeError(
                f'metric "{self.name}": expected a number, or one for each of '
                f"{len(prediction)} samples, got shape {values.shape}"
            )
        self.engine.update(None, np.ascontiguousarray(values), weight)

    def result(self) -> Any:
        """The number so far."""
        return 0.0 if self.engine is None else self.engine.result()


def _resolved(given: Mapping[str, Any], target: Array, prediction: Array) -> dict[str, Any]:
    """The class that "accuracy" or "crossentropy" means for these shapes."""
    suffix = {"accuracy": "Accuracy", "acc": "Accuracy"}.get(given["class_name"])
    if given["class_name"] in ("crossentropy", "ce"):
        suffix = "Crossentropy"
    if suffix is None:
        return dict(given)
    prefix = "Categorical"
    if prediction.shape[-1] == 1:
        prefix = "Binary"
    elif target.ndim < prediction.ndim or target.shape[-1] == 1:
        prefix = "SparseCategorical"
    return {"class_name": prefix + suffix, "config": given.get("config") or {}}


class CustomRunner:
    """A runner with functions between its steps; for training and testing as the engine's own."""

    def __init__(self, runner: _core.Runner, plan: Plan) -> None:
        self._runner = runner
        self._plan = plan

    def results(self) -> list[tuple[str, Any]]:
        """Loss and metrics since the last reset, those of functions at the end."""
        custom = [(metric.name, metric.result()) for metric in self._plan.custom_metrics]
        return [*self._runner.results(), *custom]

    def reset_metrics(self) -> None:
        """Start losses and metrics anew."""
        self._runner.reset_metrics()
        for metric in self._plan.custom_metrics:
            if metric.engine is not None:
                metric.engine.reset_state()

    def metrics_state(self) -> Any:
        """What losses and metrics remember."""
        raise ConfigError(
            "expected losses and metrics of lamina where training is to go on in the middle of an "
            "epoch, got functions. Save at the ends of epochs (save_freq='epoch')"
        )

    set_metrics_state = metrics_state

    def run(
        self,
        training: bool,
        inputs: Sequence[Array],
        targets: Sequence[Array | None],
        weights: Sequence[Array | None],
        order: Array | None,
        size: int,
        first: int,
        last: int,
        seconds: float,
    ) -> int:
        """Train on some batches, or test; returns how many were done before the time was up."""
        start, rows = time.monotonic(), len(inputs[0] if order is None else order)
        last = min(last, math.ceil(rows / size))
        for batch in range(first, last):
            place: Any = slice(batch * size, min((batch + 1) * size, rows))
            if order is not None:
                place = order[place]
            self._step(
                training,
                *([_rows(a, place) for a in some] for some in (inputs, targets, weights)),
            )
            if time.monotonic() - start >= seconds:
                return batch + 1 - first
        return max(last - first, 0)

    def _step(
        self,
        training: bool,
        inputs: list[Any],
        targets: list[Any],
        weights: list[Any],
    ) -> None:
        plan = self._plan
        given = [t if i in plan.engine_targets else None for i, t in enumerate(targets)]
        # The backward pass may write over outputs, so in training they are seen beforehand.
        begun = self._begin(inputs, given, weights) if training else None
        seen = begun[1] if begun else None
        if seen is None and (training or plan.custom_losses):
            seen = self._runner.peek(inputs, training)
        for i, function in plan.custom_losses.items():
            assert seen is not None
            given[i] = both = _losses_and_gradients(function, targets[i], seen[i])
            plan.given_shapes[_steps(inputs), i] = both.shape[1:], both.dtype
        if not begun or not self._runner.finish(begun[0], given):
            batch = len(inputs[0])
            self._runner.run(training, inputs, given, weights, None, batch, 0, 1, math.inf)
        if plan.custom_metrics:
            outputs = self._runner.step_outputs() if seen is None else seen
            for metric in plan.custom_metrics:
                i = metric.output
                metric.update(targets[i], outputs[i], weights[i])

    def _begin(
        self, inputs: list[Any], targets: list[Any], weights: list[Any]
    ) -> tuple[int, list[Array]] | None:
        """Number and outputs of a step that waits for what functions make of them.

        None if it is not known yet how large that will be, or if the optimizer searches.
        """
        known, targets = self._plan.given_shapes, list(targets)
        for i in self._plan.custom_losses:
            if (_steps(inputs), i) not in known:
                return None
            shape, dtype = known[_steps(inputs), i]
            targets[i] = np.empty((len(inputs[0]), *shape), dtype)
        return self._runner.begin(inputs, targets, weights)


def _steps(inputs: Sequence[Array]) -> tuple[tuple[int, ...], ...]:
    """The shapes of samples, which those of outputs follow from."""
    return tuple(x.shape[1:] for x in inputs)


def _rows(array: Array | None, place: Any) -> Array | None:
    return None if array is None else np.ascontiguousarray(array[place])


def _losses_and_gradients(function: Any, target: Array, prediction: Array) -> Array:
    """What the step takes as its targets: for each unit its loss, then its gradient."""
    who, dtype = f'loss "{name_of(function)}"', prediction.dtype
    found = function(target, prediction.copy())
    if not isinstance(found, tuple) or len(found) != 2:
        raise ConfigError(
            f"{who}: expected (loss, gradient by the predictions), got {type(found).__name__}. "
            "Return both, or make a sum of losses of lamina (lamina.losses.WeightedSum)"
        )
    values, gradient = np.asarray(found[0], dtype), np.asarray(found[1], dtype)
    if gradient.shape != prediction.shape:
        raise ShapeError(
            f"{who}: expected a gradient of the predictions' shape {prediction.shape}, "
            f"got {gradient.shape}"
        )
    if values.ndim == 0:  # of the whole batch: each sample has this loss, and the mean is it
        values = np.broadcast_to(values, prediction.shape[:1])
        gradient = gradient * len(prediction)
    if values.shape != prediction.shape[: values.ndim]:
        raise ShapeError(
            f"{who}: expected a number, or one for each of {len(prediction)} samples (first axes "
            f"of {prediction.shape}), got shape {values.shape}"
        )
    gradient = gradient.reshape(*values.shape, -1)
    return np.concatenate([values[..., None], gradient], axis=-1, dtype=dtype)
