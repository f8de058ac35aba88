"""`TensorBoard`: numbers, weights and the graph for TensorBoard to draw."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina.callbacks import event_file
from lamina.callbacks.callback import Callback, Logs, Stage
from lamina.callbacks.event_file import EventFile
from lamina.errors import ConfigError

PATIENCE = 5.0
"""Seconds after which numbers of batches are written out."""
PICTURES = 3
"""How many pictures of one weight are written, as in TensorFlow."""


class TensorBoard(Callback):
    """Write event files that `tensorboard --logdir logs` shows. TensorFlow is not needed for it.

    `epoch_loss` and all other numbers of an epoch go to `log_dir/train`, those of the validation
    to `log_dir/validation`, under the same names. Each evaluation adds
    `evaluation_<name>_vs_iterations`.

    Args:
        log_dir: Folder for the files.
        histogram_freq: Write histograms of all weights after every so many epochs; 0 writes none.
        write_graph: Write the graph of the layers.
        write_images: Write weights as grey pictures too, with the histograms; the smallest number
            of a weight is black, the largest white.
        write_steps_per_second: Write how many steps a second were made.
        update_freq: `"epoch"`; or a number of batches after each of which to write the numbers of
            the epoch so far, as `batch_<name>`; `"batch"` means 1.
        profile_batch: Not supported; only 0.
        embeddings_freq: Write the vectors of all `Embedding` layers after every so many epochs, for
            the projector; 0 writes none.
        embeddings_metadata: File with a line for each id of an embedding, relative to `log_dir`;
            or a dict of such files by the names of the layers.

    Raises:
        ConfigError: a `profile_batch`; an unknown `update_freq`; a name in `embeddings_metadata`
            that is not one of an `Embedding` layer.

    References:
        The format: TensorFlow's event.proto and summary.proto, as in callbacks/event_file.py.

    Example:
        >>> model = lamina.Sequential([lamina.Input((1,)), lamina.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.arange(8.0).reshape(8, 1)
        >>> board = TensorBoard(tmp_path / "logs", histogram_freq=1)
        >>> history = model.fit(x, x, validation_split=0.25, callbacks=[board], verbose=0)
        >>> sorted(folder.name for folder in (tmp_path / "logs").iterdir())
        ['train', 'validation']
    """

    _kept = ("_train_batch",)

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: int = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: str | Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._files: dict[str, EventFile] = {}
        self._train_batch = 0
        self._written = 0.0
        self._batch_start = self._epoch_start = 0.0
        self._steps_before = 0
        if profile_batch:
            raise ConfigError(
                f"TensorBoard: profile_batch is not supported, got {profile_batch!r}. Leave it 0, "
                "and profile the program with perf or py-spy"
            )
        if self.update_freq != "epoch" and (
            not isinstance(self.update_freq, int) or self.update_freq < 1
        ):
            raise ConfigError(
                "TensorBoard: update_freq must be 'epoch', 'batch' or a number of batches, "
                f"got {update_freq!r}"
            )

    def wants_batches(self, stage: Stage) -> bool:
        """Only to write within epochs must every batch be known."""
        own = type(self) is not TensorBoard and super().wants_batches(stage)
        return own or (stage == "train" and self.update_freq != "epoch")

    def set_model(self, model: Any) -> None:
        """Begin new files, with the model's graph."""
        super().set_model(model)
        self._files = {}
        if self.write_graph and getattr(model, "_graph", None) is not None:
            self._file("train").add_graph(event_file.graph(_nodes(model._graph)))
            self._file("train").flush()
        if self.embeddings_freq:
            self._configure_projector()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Count batches from here."""
        self._train_batch = 0

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Write out what is left."""
        self._flush()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Note the time."""
        self._epoch_start, self._steps_before = time.perf_counter(), self._iterations()

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Note the time."""
        self._batch_start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Write the numbers of the epoch so far, if it is time for it."""
        if self.update_freq == "epoch":
            return
        self._train_batch += 1
        assert isinstance(self.update_freq, int)
        if self._train_batch % self.update_freq:
            return
        numbers = dict(logs or {})
        if self.write_steps_per_second:
            spent = time.perf_counter() - self._batch_start
            numbers["steps_per_second"] = 1.0 / max(spent, 1e-9)
        self._scalars("train", "batch_", numbers, self._train_batch)
        if time.monotonic() - self._written > PATIENCE:
            self._flush()

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Write the numbers of an evaluation over the steps of the training."""
        if self.model.optimizer is None:
            return
        numbers = {f"{name}_vs_iterations": value for name, value in (logs or {}).items()}
        self._scalars("validation", "evaluation_", numbers, self._iterations())
        self._flush()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the numbers of the epoch, and weights and embeddings if it is time for them."""
        train = {name: v for name, v in (logs or {}).items() if not name.startswith("val_")}
        tested = {n.removeprefix("val_"): v for n, v in (logs or {}).items() if n not in train}
        if logs:
            train |= self.model.optimizer._shown_rates()
            if self.write_steps_per_second:
                spent = time.perf_counter() - self._epoch_start
                train["steps_per_second"] = (self._iterations() - self._steps_before) / spent
        self._scalars("train", "epoch_", train, epoch)
        self._scalars("validation", "epoch_", tested, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings()
        self._flush()

    def _iterations(self) -> int:
        optimizer = self.model.optimizer
        return 0 if optimizer is None else int(optimizer.iterations)

    def _file(self, run: str) -> EventFile:
        if run not in self._files:
            self._files[run] = EventFile(os.path.join(self.log_dir, run))
        return self._files[run]

    def _flush(self) -> None:
        self._written = time.monotonic()
        for file in self._files.values():
            file.flush()

    def _scalars(self, run: str, prefix: str, numbers: Logs, step: int) -> None:
        for name, value in numbers.items():
            if np.ndim(value) == 0:
                self._file(run).add_summary(step, event_file.scalar(prefix + name, value))

    def _write_weights(self, epoch: int) -> None:
        file = self._file("train")
        for layer in self.model.layers:
            for weight in layer.weights:
                name, values = weight.path, weight.numpy()
                file.add_summary(epoch, event_file.histogram(f"{name}/histogram", values))
                pictures = _pictures(values) if self.write_images else []
                if pictures:
                    file.add_summary(epoch, event_file.images(f"{name}/image", pictures))

    def _embeddings(self) -> list[Any]:
        return [layer for layer in self.model.layers if type(layer).__name__ == "Embedding"]

    def _configure_projector(self) -> None:
        layers = self._embeddings()
        given: Any = self.embeddings_metadata or {}
        if isinstance(given, str):
            given = {layer.name: given for layer in layers}
        unknown = sorted(set(given) - {layer.name for layer in layers})
        if unknown:
            known = ", ".join(layer.name for layer in layers) or "none"
            raise ConfigError(
                f"TensorBoard: expected names of Embedding layers ({known}) as keys of "
                f"embeddings_metadata, got {', '.join(unknown)}"
            )
        os.makedirs(self.log_dir, exist_ok=True)
        path = os.path.join(self.log_dir, "projector_config.pbtxt")
        with open(path, "w", encoding="utf-8") as file:
            for layer in layers:
                tensor = f'  tensor_name: "{layer.name}"\n  tensor_path: "{layer.name}.tsv"\n'
                metadata = given.get(layer.name)
                labels = f'  metadata_path: "{metadata}"\n' if metadata else ""
                file.write(f"embeddings {{\n{tensor}{labels}}}\n")

    def _write_embeddings(self) -> None:
        for layer in self._embeddings():
            path = os.path.join(self.log_dir, f"{layer.name}.tsv")
            np.savetxt(path, layer.get_weights()[0], fmt="%.9g", delimiter="\t")


def _nodes(graph: Any) -> list[Any]:
    """The calls of a model's graph, named after their layers, with the calls they read."""
    names: dict[int, str] = {}
    calls: dict[str, int] = {}
    nodes = []
    for node in graph.nodes:
        name = node.layer.name
        calls[name] = calls.get(name, 0) + 1
        names[id(node)] = name if calls[name] == 1 else f"{name}_call_{calls[name]}"
        inputs = [names[id(tensor._node)] for tensor in node.inputs if id(tensor._node) in names]
        shape = node.outputs[0].shape if node.outputs else ()
        nodes.append((names[id(node)], type(node.layer).__name__, inputs, shape))
    return nodes


def _pictures(values: Any) -> list[Any]:
    """A weight as pictures: vectors lie, matrices are wide, the last axis of a cube counts them."""
    values = values.squeeze()
    if values.ndim == 1:
        return [values[np.newaxis]]
    if values.ndim == 2:
        return [values if values.shape[0] <= values.shape[1] else values.T]
    return list(values.transpose(2, 0, 1)[:PICTURES]) if values.ndim == 3 else []
