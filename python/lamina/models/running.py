"""One pass over the data: the engine runs many batches per call, callbacks hear of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import _core, _tree
from lamina._arrays import Array
from lamina.models.batches import Batches, Source

if TYPE_CHECKING:
    from lamina.models.graph import Graph
    from lamina.models.training import Trainer

PROGRESS = 0.1
"""Seconds of work between two looks at the progress bar."""

STOP = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}
"""The flag of the model that ends a pass early."""


def run_epoch(
    model: Trainer,
    stage: str,
    data: Iterator[Batches],
    called: Any,
    resumed: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Train or test on all batches; returns the means over them.

    A callback that wants every batch gets them one by one; otherwise as many run at once as fit
    between two looks at the progress bar. `resumed` is the `Position` of an epoch that was begun
    before; its first batches are not among the data.
    """
    runner, plan = model._steps(), model._current_plan()
    on_begin = getattr(called, f"on_{stage}_batch_begin")
    on_end = getattr(called, f"on_{stage}_batch_end")
    each = called.wants_batches(stage)
    pause = PROGRESS if called.wants_progress else math.inf
    runner.reset_metrics()
    done, logs = 0, None
    if resumed is not None and resumed["batch"]:
        model._batch = done = resumed["batch"]
        logs = {
            name: np.array(value) if isinstance(value, list) else value
            for name, value in resumed["logs"].items()
        }
        runner.set_metrics_state(resumed["metrics"])
    for batches in data:
        arrays, at = batches.arrays, batches.first
        given = arrays.inputs, arrays.targets, arrays.weights, batches.order, batches.size
        while at < batches.last and not getattr(model, STOP[stage]):
            on_begin(done)
            last = at + 1 if each else batches.last
            count = runner.run(stage == "train", *given, at, last, pause)
            at, done = at + count, done + count
            logs = plan.logs(runner.results())
            if stage == "train":
                model._batch = done
            on_end(done - 1, logs)
        if getattr(model, STOP[stage]):
            break
    return plan.logs(runner.results()) if logs is None else dict(logs)


def run_predict(
    model: Trainer, graph: Graph, runner: _core.Runner, source: Source, called: Any
) -> Any:
    """The outputs for all batches, joined and nested as the model's outputs."""
    each = called.wants_batches("predict")
    parts: list[list[Array]] = []
    done = 0
    model.stop_predicting = False
    called.on_predict_begin()
    for batches in source.epoch():
        for rows, count in _spans(batches, each):
            called.on_predict_batch_begin(done)
            watch = _watch(called, done) if called.wants_progress and not each else None
            outputs = runner.predict(rows, batches.size, False, watch)
            parts.append(outputs)
            done += count
            packed = _tree.pack_like(graph.outputs, outputs)
            called.on_predict_batch_end(done - 1, {"outputs": packed})
            if model.stop_predicting:
                break
        if model.stop_predicting:
            break
    called.on_predict_end()
    joined = [
        source.join(some, is_fixed=None not in tensor.shape[1:])
        for some, tensor in zip(zip(*parts, strict=True), graph.flat_outputs, strict=True)
    ]
    return _tree.pack_like(graph.outputs, joined)


def _spans(batches: Batches, each: bool) -> Iterator[tuple[list[Array], int]]:
    """The input rows to run at once, and how many batches they are."""
    size = batches.size
    step = 1 if each else batches.last - batches.first
    for first in range(batches.first, batches.last, step):
        rows = slice(first * size, (first + step) * size)
        yield [array[rows] for array in batches.arrays.inputs], step


def _watch(called: Any, before: int) -> Callable[[int], None]:
    """Tells the progress bar how far `predict` is, `before` batches having been done already."""

    def watch(count: int) -> None:
        called.on_predict_batch_end(before + count - 1, {})

    return watch
