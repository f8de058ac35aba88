"""Train and run small and medium neural networks on a CPU, with Keras's words.

`import lamina as keras` runs Keras code that uses layers, models, losses, metrics, optimizers and
callbacks. Start with `lamina.Sequential`, `lamina.layers` and `Model.fit`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from lamina._core import __version__

if TYPE_CHECKING:
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
    "version",
]

# Where the names of classes are found. They and the modules are imported at their first use:
# a program pays for what it takes, and `import lamina` for next to nothing.
_HOMES = {
    "Initializer": "initializers",
    "Input": "layers",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
    "Sequential": "models",
}


def version() -> str:
    """Which release this is: `lamina.__version__`.

    Example:
        >>> lamina.version() == lamina.__version__
        True
    """
    return __version__


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'lamina' has no attribute {name!r}")
    module = importlib.import_module(f"lamina.{_HOMES.get(name, name)}")
    value = getattr(module, name) if name in _HOMES else module
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
