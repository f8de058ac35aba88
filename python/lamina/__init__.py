"""Train and run small and medium neural networks on a CPU, with Keras's words.

`import lamina as keras` runs Keras code that uses layers, models, losses, metrics, optimizers and
callbacks. Start with `lamina.Sequential`, `lamina.layers` and `Model.fit`.
"""

from lamina import (
    activations,
    callbacks,
    config,
    constraints,
    datasets,
    errors,
    initializers,
    layers,
    losses,
    metrics,
    models,
    optimizers,
    regularizers,
    utils,
)
from lamina._core import __version__
from lamina.initializers import Initializer
from lamina.layers import Input, Layer
from lamina.losses import Loss
from lamina.metrics import Metric
from lamina.models import Model, Sequential
from lamina.optimizers import Optimizer
from lamina.regularizers import Regularizer

__all__ = [
    "Initializer",
    "Input",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "__version__",
    "activations",
    "callbacks",
    "config",
    "constraints",
    "datasets",
    "errors",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
    "utils",
]
