"""TensorFlow through Keras: a function of one step, the same compiled by XLA, and Keras's fit."""

from __future__ import annotations

import os

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow")

import keras
import keras_models
import numpy as np
import tensorflow as tf
from workloads import WORKLOADS, Task


class Engine:
    """A workload in Keras over TensorFlow."""

    def __init__(self, key: str, threads: int, options: set[str]) -> None:
        if tf.config.threading.get_intra_op_parallelism_threads() != threads:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        self.key, self.batch = key, WORKLOADS[key].batch
        self.net = keras_models.model(keras, key)

    def _step(self, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = self.net.compute_loss(x, y, self.net(x, training=True))
        variables = self.net.trainable_variables
        self.net.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    def _tensors(self, x: np.ndarray) -> tf.Tensor | list[tf.Tensor]:
        data = keras_models.inputs(self.key, x)
        parts = data if isinstance(data, list) else [data]
        tensors = [tf.constant(part) for part in parts]
        return tensors if isinstance(data, list) else tensors[0]

    def train(self, x: np.ndarray, y: np.ndarray) -> dict[str, Task]:
        """Steps over batches that are tensors already."""
        starts = range(0, len(x), self.batch)
        batches = [
            (self._tensors(x[i : i + self.batch]), tf.constant(y[i : i + self.batch]))
            for i in starts
        ]
        self.net.optimizer.build(self.net.trainable_variables)

        def task(jit: bool) -> Task:
            step = tf.function(self._step, jit_compile=jit)

            def run() -> None:
                for batch in batches:
                    loss = step(*batch)
                loss.numpy()

            return run

        return {"tf function": task(False), "tf xla": task(True)}

    def fit(self, x: np.ndarray, y: np.ndarray) -> dict[str, Task]:
        """An epoch of Keras's fit over shuffled rows."""
        data = keras_models.inputs(self.key, x)
        return {"keras fit": lambda: self.net.fit(data, y, self.batch, 1, 0)}

    def infer(self, x: np.ndarray) -> dict[str, Task]:
        """One batch through a function, the same compiled, and Keras's call for a batch."""
        data, tensors = keras_models.inputs(self.key, x), self._tensors(x)

        def task(jit: bool) -> Task:
            call = tf.function(lambda: self.net(tensors, training=False), jit_compile=jit)
            return lambda: call().numpy()

        return {
            "tf function": task(False),
            "tf xla": task(True),
            "keras predict_on_batch": lambda: self.net.predict_on_batch(data),
        }
