"""Compile, fit, evaluate, predict: Python keeps the books, the engine runs the batches."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import _core, _tree, optimizers
from lamina import callbacks as callbacks_module
from lamina._arrays import Array
from lamina._ragged import Ragged, find_ragged, is_list_of, like_steps, with_lengths
from lamina.errors import ConfigError
from lamina.layers.base import Layer
from lamina.layers.variable import Variable
from lamina.models import compiling
from lamina.models.batches import Raw, Source
from lamina.models.custom import CustomRunner
from lamina.models.data import Arrays, convert, convert_inputs, split_validation
from lamina.models.running import run_epoch, run_predict
from lamina.models.sources import DEFAULT_BATCH_SIZE, open_source
from lamina.utils.x_y_sample_weight import unpack_x_y_sample_weight

if TYPE_CHECKING:
    from lamina.layers.lowering import Lowered
    from lamina.models.graph import Graph


def _is_one_batch(x: Any, batch_size: int | None) -> bool:
    """Whether `x` is an array that a batch of this size holds."""
    if not isinstance(x, np.ndarray) or x.ndim == 0:
        return False
    if batch_size is None:
        return len(x) <= DEFAULT_BATCH_SIZE
    return isinstance(batch_size, int) and len(x) <= batch_size


class Trainer(Layer):
    """The training half of `Model`."""

    # What a model provides.
    _graph: Graph | None
    _runner: _core.Runner | None
    _lowered: Lowered | None
    _seed: int | None
    _quick: bool  # one array in, one array out, and nothing to trace

    def _prepare(self, x: Any) -> Graph:
        raise NotImplementedError

    def _run(self) -> _core.Runner:
        raise NotImplementedError

    def _engine_dtype(self) -> str:
        raise NotImplementedError

    def _begin_training(self) -> None:
        self.optimizer: Any = None
        self.stop_training = False
        self.stop_evaluating = False
        self.stop_predicting = False
        self.history: Any = None
        self._compiled: compiling.Compiled | None = None
        self._plan: compiling.Plan | None = None
        self._shuffles = 0  # how many passes over shuffled data were begun
        self._restored: Mapping[str, Any] | None = None
        self._batch = 0  # how many batches of the epoch are done
        self._epoch_begin: dict[str, int] = {}
        self._resumed: Mapping[str, Any] | None = None  # where `fit` is to go on
        self._called: Any = None  # the callbacks while `fit` runs
        self._holds_averages = False  # instead of the weights: between two swaps

    # ---- compile ----

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose what to minimise, how, and what to measure on the way.

        Args:
            optimizer: Name or object; see `lamina.optimizers`.
            loss: Name or object; for several outputs a list, or a dict by output name. Or a
                function of arrays `(y_true, y_pred)` that returns the loss, as one number or one
                for each sample, and its gradient by the predictions, of their shape.
            loss_weights: Factor of each output's loss, as `loss` is given.
            metrics: List of names or objects; for several outputs a list of lists, or a dict.
                "accuracy" means the one that fits the output. Or functions of arrays
                `(y_true, y_pred)` that return a number, or one for each sample; the mean is shown.
            weighted_metrics: Metrics that take sample weights into account, given alike.
            run_eagerly: Without effect: there is one way to run.
            steps_per_execution: Without effect on the numbers: batch callbacks are called for every
                batch, and as many batches as possible run between two callbacks anyway.
            jit_compile: Without effect: the engine is compiled.
            auto_scale_loss: Without effect: it matters for float16 only.

        Raises:
            ConfigError: an unknown name, or other outputs than the model has.
        """
        self._compiled = compiling.Compiled(
            optimizer=optimizers.get(optimizer),
            loss=loss,
            loss_weights=loss_weights,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            steps_per_execution=int(steps_per_execution),
        )
        self.optimizer = self._compiled.optimizer
        self._restored = None
        if self._runner is not None:
            self._compile_runner()
        elif self._graph is not None:
            self._run()

    @property
    def compiled(self) -> bool:
        """Whether `compile` was called."""
        return self._compiled is not None

    @property
    def loss(self) -> Any:
        """The loss as it was given to `compile`."""
        return None if self._compiled is None else self._compiled.loss

    @property
    def metrics(self) -> list[Any]:
        """The metrics as they were given to `compile`, one after the other."""
        return [] if self._compiled is None else compiling.flat_metrics(self._compiled)

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` returns, once the model is built and compiled."""
        if self._plan is None:
            return []
        return self._plan.names_in_order()

    def get_compile_config(self) -> dict[str, Any] | None:
        """The arguments of `compile` as JSON can hold them; None before it."""
        return None if self._compiled is None else self._compiled.get_config()

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile with what `get_compile_config` returned."""
        self.compile(**config)

    # ---- fit, evaluate, predict ----

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        lengths: Any = None,
    ) -> Any:
        """Train for a number of epochs.

        Args:
            x: Array, list or dict of arrays; or a generator, dataset or sequence of batches
                `(x, y)` or `(x, y, sample_weight)`.
            y: Targets, nested as the outputs; None if `x` gives batches.
            batch_size: Samples in a step; None means 32, or all for optimizers of full batches
                (`LBFGS`, `IRprop`). Not for batches.
            epochs: The number of the epoch to stop before.
            verbose: 0 silent, 1 a progress bar, 2 a line per epoch, "auto" whichever fits.
            callbacks: `lamina.callbacks` to call on the way.
            validation_split: Share of the samples, taken from the end before shuffling, to validate
                on.
            validation_data: `(x, y)` or `(x, y, sample_weight)` or batches, to validate on.
            shuffle: Another order in each epoch, a function of the seed; not for generators.
            class_weight: Weight of each class in the loss, by its number.
            sample_weight: Weight of each sample in the loss; per output if nested as `y`.
            initial_epoch: The number of the epoch to begin with.
            steps_per_epoch: Steps in an epoch; None means one pass over the data.
            validation_steps: Steps in a validation; None means one pass.
            validation_batch_size: Samples in a step of the validation; None means `batch_size`.
            validation_freq: Validate every so many epochs, or after the epochs of a list.
            lengths: How many steps of each padded sequence of `x` count, from its begin; the others
                are never computed, as with `lamina.utils.Ragged`. For several inputs nested as they
                are, None where there is no padding. Padded targets and weights of each step are
                cut alike. Validation data are `Ragged` themselves.

        Returns:
            The `History` callback: `history.history` holds what each epoch gave.

        Raises:
            ConfigError, DataError, DtypeError, ShapeError: data or options that do not fit.
            KeyboardInterrupt: on Ctrl-C; weights are as after the last finished batch.
        """
        self._check_compiled("fit", needs_loss=True)
        for name, number in (("epochs", epochs), ("initial_epoch", initial_epoch)):
            if not isinstance(number, numbers.Integral) or number < 0:
                raise ConfigError(f"expected {name} from 0, got {number!r}")
        x, y, sample_weight = self._find_ragged(x, y, sample_weight, lengths)
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_validation(
                (x, y, sample_weight), validation_split
            )
        whole = self.optimizer is not None and self.optimizer._needs_full_batch()
        source = open_source(x, y, sample_weight, batch_size, steps_per_epoch, whole)
        source.convert_with(self._converter(source.first(), class_weight))
        self._check_full(source)
        validation: Source | None = None
        if validation_data is not None:
            val_x, val_y, val_weight = self._find_ragged(*unpack_x_y_sample_weight(validation_data))
            validation = open_source(
                val_x, val_y, val_weight, validation_batch_size or batch_size, validation_steps
            )
            validation.convert_with(self._converter(validation.first()))
        called = self._callback_list(
            callbacks,
            verbose=verbose,
            add_history=True,
            epochs=epochs,
            steps=source.num_batches,
        )
        self.stop_training = False
        logs: dict[str, Any] = {}
        self._resumed = None
        self._called = called
        called.on_train_begin()
        order = self._next_order if shuffle else None
        resumed: Mapping[str, Any] | None = self._resumed
        if resumed is not None:
            initial_epoch = resumed["epoch"]
            self._shuffles = max(0, resumed["shuffles"] - 1)  # for the pass that was begun
            source.go_to(resumed["place"], order)
            self._shuffles = resumed["shuffles"]
        try:
            for epoch in range(initial_epoch, epochs):
                self._begin_epoch(epoch, source)
                called.on_epoch_begin(epoch)
                skip = 0 if resumed is None else resumed["batch"]
                batches = source.epoch(order, skip)
                logs = run_epoch(self, "train", batches, called, resumed)
                resumed = None
                self._begin_epoch(epoch + 1, source)
                if validation is not None and _is_due(epoch, validation_freq):
                    tested = self._test_epoch(validation, called)
                    logs |= {f"val_{name}": value for name, value in tested.items()}
                called.on_epoch_end(epoch, logs)
                if self.stop_training:
                    break
        finally:
            self._run().finish_training()
            self._holds_averages = False
            self._called = None
        called.on_train_end(logs)
        return self.history

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        lengths: Any = None,
    ) -> Any:
        """Loss and metrics on data, as in inference; arguments as in `fit`.

        Returns:
            The loss, or a list of the loss and the metrics; a dict by name with `return_dict`.
        """
        self._check_compiled("evaluate")
        x, y, sample_weight = self._find_ragged(x, y, sample_weight, lengths)
        source = open_source(x, y, sample_weight, batch_size, steps)
        source.convert_with(self._converter(source.first()))
        called = self._callback_list(callbacks, verbose=verbose, epochs=1, steps=source.num_batches)
        logs = self._test_epoch(source, called)
        return logs if return_dict else self._current_plan().in_order(logs)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Any = None,
        lengths: Any = None,
    ) -> Any:
        """The outputs for the inputs, as in inference; arguments as in `fit`.

        Returns:
            An array of all samples' outputs, or several, nested as the model's outputs.
        """
        nothing_to_tell = verbose == 0 and callbacks is None
        if nothing_to_tell and steps is None and lengths is None and _is_one_batch(x, batch_size):
            quick = self._predict_quickly(x)
            if quick is not None:
                return quick
        x, _, _ = self._find_ragged(x, None, None, lengths)
        source = open_source(x, None, None, batch_size, steps)
        graph = self._prepare(unpack_x_y_sample_weight(source.first())[0])
        runner, dtype = self._run(), self._engine_dtype()
        source.convert_with(lambda batch: Arrays(convert_inputs(graph, dtype, batch[0]), [], []))
        called = self._callback_list(callbacks, verbose=verbose, epochs=1, steps=source.num_batches)
        return run_predict(self, graph, runner, source, called)

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Mapping[int, float] | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step on one batch; returns what `evaluate` returns, for this batch."""
        self._check_compiled("train_on_batch", needs_loss=True)
        data = self._converter((x, y, sample_weight), class_weight)((x, y, sample_weight))
        return self._one_batch(True, data, return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Loss and metrics on one batch, as in inference."""
        self._check_compiled("test_on_batch")
        data = self._converter((x, y, sample_weight))((x, y, sample_weight))
        return self._one_batch(False, data, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as in inference."""
        quick = self._predict_quickly(x)
        if quick is not None:
            return quick
        graph = self._prepare(x)
        arrays = convert_inputs(graph, self._engine_dtype(), x)
        results = self._run().predict(arrays, max(1, len(arrays[0])), False, None)
        return _tree.pack_like(graph.outputs, results)

    def reset_metrics(self) -> None:
        """Let the running means begin again."""
        self._steps().reset_metrics()

    # ---- for this package ----

    def _check_full(self, source: Source) -> None:
        """Refuse minibatches for an optimizer that compares steps over the same data."""
        if self.optimizer is None or not self.optimizer._needs_full_batch() or source.is_one_batch:
            return
        raise ConfigError(
            f"fit: expected all data in one batch for {type(self.optimizer).__name__}, which "
            "compares losses of the same data, got several batches. Use batch_size=len(x), or Adam "
            "for minibatches"
        )

    def _find_ragged(self, x: Any, y: Any, sample_weight: Any, lengths: Any = None) -> Raw:
        """Padded sequences with lengths, and lists of sequences for one input, as `Ragged`."""
        if lengths is not None:
            x = with_lengths(x, lengths)
            first = next(part for part in _tree.flatten(x) if isinstance(part, Ragged))
            steps = self._graph is None or any(
                len(tensor.shape) > 1 and tensor.shape[1] is None
                for tensor in self._graph.flat_outputs
            )
            if steps:
                y, sample_weight = (
                    _tree.map_leaves(lambda part: like_steps(part, first), given)
                    for given in (y, sample_weight)
                )
        if self._graph is not None and len(self._graph.flat_inputs) != 1:
            return x, y, sample_weight
        shape = None if self._graph is None else self._graph.flat_inputs[0].shape
        several = shape is not None and len(shape) > 1 and shape[1] is None
        x = find_ragged(x, len(shape) - 1 if several and shape is not None else None)
        if not isinstance(x, Ragged):
            return x, y, sample_weight
        each = [Ragged(part) if is_list_of(part, len(x)) else part for part in (y, sample_weight)]
        return x, each[0], each[1]

    def _predict_quickly(self, x: Any) -> Any:
        """The output for one array that needs no conversion; None for all others."""
        runner = self._runner
        if runner is None or not self._quick:
            return None
        return runner.predict_array(x)

    def _begin_epoch(self, epoch: int, source: Source) -> None:
        self._batch = 0
        self._epoch_begin = {
            "epoch": epoch,
            "place": source.place(),
            "shuffles": self._shuffles,
        }

    def _position(self) -> dict[str, Any]:
        """Where `fit` is, for `_resumed` of a later one; plain numbers, lists and dicts."""
        runner = self._steps()
        logs = self._current_plan().logs(runner.results())
        return self._epoch_begin | {
            "batch": self._batch,
            "metrics": runner.metrics_state(),
            "logs": {name: np.asarray(value).tolist() for name, value in logs.items()},
        }

    def _swap_averages(self) -> None:
        self._holds_averages = self._run().swap_averages()

    def _test_epoch(self, source: Source, called: Any) -> dict[str, Any]:
        self.stop_evaluating = False
        called.on_test_begin()
        logs = run_epoch(self, "test", source.epoch(), called)
        called.on_test_end(logs)
        return logs

    def _one_batch(self, training: bool, data: Arrays, return_dict: bool) -> Any:
        runner, plan = self._steps(), self._current_plan()
        runner.reset_metrics()
        given = data.inputs, data.targets, data.weights
        runner.run(training, *given, None, data.rows, 0, 1, math.inf)
        logs = plan.logs(runner.results())
        return logs if return_dict else plan.in_order(logs)

    def _next_order(self, rows: int) -> Array:
        self._run()
        order = _core.permutation(rows, self._seed or 0, self._shuffles)
        self._shuffles += 1
        return order

    def _converter(
        self, first: Raw, class_weight: Mapping[int, float] | None = None
    ) -> Callable[[Raw], Arrays]:
        """How raw data becomes arrays, once the model is built for data like the first."""
        graph = self._prepare(first[0])
        dtype, plan = self._engine_dtype(), self._current_plan()
        return lambda raw: convert(graph, plan, dtype, *raw, class_weight)

    def _callback_list(self, given: Any, *, verbose: Any, **settings: Any) -> Any:
        if isinstance(given, callbacks_module.CallbackList):
            return given
        return callbacks_module.CallbackList(
            given, add_progbar=verbose != 0, verbose=verbose, model=self, **settings
        )

    def _check_compiled(self, method: str, *, needs_loss: bool = False) -> None:
        for hook in ("train_step", "test_step", "compute_loss", "compute_metrics"):
            if hasattr(type(self), hook):
                raise ConfigError(
                    f"{self._title()}: {hook} is not supported, whole steps run in the engine. "
                    "Use a loss and metrics of lamina, or train_on_batch in a loop of your own"
                )
        if self._compiled is None:
            raise ConfigError(f"{self._title()}: call compile() before {method}()")
        if needs_loss and not _tree.flatten(self._compiled.loss):
            raise ConfigError(f"{self._title()}: compile it with a loss before {method}()")

    def _current_plan(self) -> compiling.Plan:
        self._run()
        assert self._plan is not None, "a compiled model's runner is compiled"
        return self._plan

    def _steps(self) -> Any:
        """What trains and tests: the runner, or one that calls functions between its steps."""
        runner, plan = self._run(), self._plan
        return CustomRunner(runner, plan) if plan is not None and plan.is_custom else runner

    def _runner_is_new(self) -> None:
        """Compile a fresh runner if the model is, and give it the state of the one before."""
        if self._compiled is None:
            return
        restored = self._restored
        self._compile_runner()
        if restored is not None:
            self._set_training_state(restored)

    def _compile_runner(self) -> None:
        assert self._compiled is not None
        graph, runner = self._graph, self._runner
        assert graph is not None
        assert runner is not None
        if self.optimizer is not None:
            self.optimizer._choose(self._engine_layers_weights, self.name)
        self._plan = compiling.plan(self._compiled, graph.target_names)
        if self._plan.custom_losses and self.optimizer is not None and self.optimizer._searches:
            raise ConfigError(
                f"{type(self.optimizer).__name__}: expected a loss of lamina, which it evaluates "
                "several times in a step, got a Python function. Take IRprop for full batches"
            )
        runner.compile(self._plan.json)
        if self.optimizer is not None:
            self.optimizer._attach(runner)

    def _engine_layers_weights(self) -> list[list[Variable]]:
        """The weights of each layer of the engine, with their paths in this model."""
        from lamina.models.saving import named_weights  # needed seldom, keeps the import short

        assert self._lowered is not None
        paths: dict[tuple[int, int], str] = {}
        for path, weight in named_weights(self).items():
            paths.setdefault((id(weight._layer), weight._index), path)

        def seen(layer: Layer, weight: Variable) -> Variable:
            path = paths.get((id(layer), weight._index))
            return weight if path is None else weight.at(path)

        return [
            [] if layer is None else [seen(layer, weight) for weight in layer._engine_weights()]
            for layer in self._lowered.layers
        ]

    def _training_state(self) -> dict[str, Any]:
        """What a copy needs to go on training bit for bit."""
        runner = self._runner
        state: dict[str, Any] = {
            "compile": self.get_compile_config(),
            "shuffles": self._shuffles,
            "step": 0 if runner is None else runner.step,
            "optimizer": {},
            "optimizer_steps": 0,
        }
        if runner is not None and self.optimizer is not None:
            state["optimizer"] = runner.optimizer_state()
            state["optimizer_steps"] = runner.optimizer_steps
        return state

    def _restore_training(self, state: Mapping[str, Any]) -> None:
        if compiling.has_functions(state["compile"]):
            warnings.warn(
                f"{self._title()}: was compiled with functions, which files and copies do not "
                "hold. Compile it again",
                stacklevel=2,
            )
            state = {**state, "compile": None, "optimizer": {}}
        if state["compile"] is not None and self._compiled is None:
            self.compile_from_config(state["compile"])
        if self._graph is None:
            self._restored = state
        else:
            self._set_training_state(state)

    def _set_training_state(self, state: Mapping[str, Any]) -> None:
        runner = self._run()
        runner.step = state["step"]
        self._shuffles = state["shuffles"]
        if self.optimizer is None:
            return
        slots, own = state["optimizer"], list(runner.optimizer_state())
        if slots.keys() != set(own) and len(slots) == len(own):
            slots = dict(zip(own, slots.values(), strict=True))  # layers were numbered otherwise
        runner.set_optimizer_state(slots, state["optimizer_steps"])


def _is_due(epoch: int, frequency: int | Sequence[int]) -> bool:
    if isinstance(frequency, Sequence):
        return epoch + 1 in frequency
    return (epoch + 1) % frequency == 0
