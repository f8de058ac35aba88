"""Optimizers by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina._configured import Family
from lamina._configured import serialize as _serialize
from lamina.errors import ConfigError
from lamina.optimizers.adadelta import Adadelta
from lamina.optimizers.adafactor import Adafactor
from lamina.optimizers.adagrad import Adagrad
from lamina.optimizers.adam import Adam, AdamW
from lamina.optimizers.adamax import Adamax
from lamina.optimizers.base import Optimizer
from lamina.optimizers.ftrl import Ftrl
from lamina.optimizers.irprop import IRprop
from lamina.optimizers.lamb import Lamb
from lamina.optimizers.lbfgs import LBFGS
from lamina.optimizers.lion import Lion
from lamina.optimizers.loss_scale_optimizer import LossScaleOptimizer
from lamina.optimizers.multi_optimizer import MultiOptimizer
from lamina.optimizers.muon import Muon
from lamina.optimizers.nadam import Nadam
from lamina.optimizers.rmsprop import RMSprop
from lamina.optimizers.schedule_free_adamw import ScheduleFreeAdamW
from lamina.optimizers.sgd import SGD

_classes: tuple[type[Optimizer], ...] = (
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    AdamW,
    Adamax,
    Ftrl,
    IRprop,
    LBFGS,
    Lamb,
    Lion,
    LossScaleOptimizer,
    MultiOptimizer,
    Muon,
    Nadam,
    RMSprop,
    ScheduleFreeAdamW,
    SGD,
)
_family = Family(Optimizer, _classes, {})


def get(identifier: Any) -> Any:
    """The optimizer that a name, a config, a class or an object means; None stays None.

    Example:
        >>> get("adam").learning_rate
        0.001
    """
    found = _family.get(identifier)
    if found is not None and not isinstance(found, Optimizer):
        raise ConfigError(f"expected the name or an object of an optimizer, got {identifier!r}")
    return found


def serialize(optimizer: Optimizer) -> Any:
    """The optimizer as {"class_name", "config"}, without its state.

    Example:
        >>> serialize(SGD(0.5))["config"]["learning_rate"]
        0.5
    """
    return _serialize(optimizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Optimizer:
    """The optimizer that `serialize` described.

    Example:
        >>> deserialize({"class_name": "SGD", "config": {"momentum": 0.5}}).momentum
        0.5
    """
    return _family.deserialize(config, custom_objects)
