"""How weights follow their gradients: the classes, and `get` for their names.

`compile(optimizer=...)` takes one as a name, `"adam"`, or as an object, `Adam(1e-3)`.
"""

from lamina.optimizers import schedules
from lamina.optimizers.adam import Adam, AdamW
from lamina.optimizers.base import Optimizer
from lamina.optimizers.naming import deserialize, get, serialize
from lamina.optimizers.rmsprop import RMSprop
from lamina.optimizers.sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]
