"""Train and run small and medium neural networks on a CPU, with Keras's words.

`import lamina as keras` runs Keras code that uses layers, models, losses, metrics, optimizers and
callbacks. Start with `lamina.Sequential`, `lamina.layers` and `Model.fit`.
"""

from lamina import activations, callbacks, config, datasets, errors, layers, models, utils
from lamina._core import __version__
from lamina.layers import Input, Layer
from lamina.models import Model, Sequential

__all__ = [
    "Input",
    "Layer",
    "Model",
    "Sequential",
    "__version__",
    "activations",
    "callbacks",
    "config",
    "datasets",
    "errors",
    "layers",
    "models",
    "utils",
]
