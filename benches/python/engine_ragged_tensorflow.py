"""Keras on TensorFlow over sequences of different lengths."""

from __future__ import annotations

import os

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", KERAS_BACKEND="tensorflow")

import tensorflow as tf
from ragged_keras import Epochs


class Engine(Epochs):
    """A row of `ragged_cases.py`."""

    def __init__(self, key: str, threads: int, options: set[str]) -> None:
        if tf.config.threading.get_intra_op_parallelism_threads() != threads:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        super().__init__(key, "keras tf")
