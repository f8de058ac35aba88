"""Learning rates that depend on the step.

An optimizer takes one in place of a number: `SGD(learning_rate=CosineDecay(0.1, 1000))`. Called
with a step, counted from 0, an object returns the learning rate there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from lamina import _core
from lamina._configured import Configured, Family, configured
from lamina._configured import serialize as _serialize


class LearningRateSchedule(Configured):
    """What all schedules are.

    Example:
        >>> isinstance(ExponentialDecay(0.1, 10, 0.5), LearningRateSchedule)
        True
    """

    _family: ClassVar[str] = "schedule"

    def __call__(self, step: float) -> float:
        """The learning rate at `step`, counted from 0."""
        return _core.schedule(self._json(), float(step))


@configured
class ExponentialDecay(LearningRateSchedule):
    """`initial_learning_rate * decay_rate ** (step / decay_steps)`.

    Args:
        initial_learning_rate: The learning rate at step 0.
        decay_steps: The steps after which it has fallen by the factor `decay_rate`; above 0.
        decay_rate: The factor.
        staircase: Whether it falls once in `decay_steps` steps instead of in each.
        name: What it is called.

    Raises:
        ConfigError: decay_steps not above 0.

    Example:
        >>> schedule = ExponentialDecay(0.1, decay_steps=10, decay_rate=0.5, staircase=True)
        >>> [schedule(step) for step in (0, 9, 10)]
        [0.1, 0.1, 0.05]
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False
    name: str = "ExponentialDecay"


@configured
class CosineDecay(LearningRateSchedule):
    """Half a cosine down to `alpha` times the start, after a linear warm-up if one is asked for.

    Args:
        initial_learning_rate: The learning rate at step 0.
        decay_steps: The steps of the decay, after those of the warm-up; above 0.
        alpha: The share of the learning rate that is left in the end.
        name: What it is called.
        warmup_target: The learning rate at the end of the warm-up; None for no warm-up.
        warmup_steps: The steps of the warm-up.

    Raises:
        ConfigError: decay_steps not above 0, warmup_steps below 0.

    References:
        Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2016.

    Example:
        >>> schedule = CosineDecay(0.0, decay_steps=100, warmup_target=1.0, warmup_steps=10)
        >>> [schedule(step) for step in (0, 5, 10, 60, 110)]
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    initial_learning_rate: float
    decay_steps: float
    alpha: float = 0.0
    name: str = "CosineDecay"
    warmup_target: float | None = None
    warmup_steps: float = 0


@configured
class PiecewiseConstantDecay(LearningRateSchedule):
    """`values[0]` up to and including step `boundaries[0]`, then `values[1]`, and so on.

    Args:
        boundaries: The last step of each value but the last one, rising.
        values: The learning rates, one more than boundaries.
        name: What it is called.

    Raises:
        ConfigError: boundaries that do not rise, or another number of values.

    Example:
        >>> schedule = PiecewiseConstantDecay([10, 20], [1.0, 0.5, 0.1])
        >>> [schedule(step) for step in (0, 10, 11, 21)]
        [1.0, 1.0, 0.5, 0.1]
    """

    boundaries: Sequence[float]
    values: Sequence[float]
    name: str = "PiecewiseConstant"


_classes: tuple[type[LearningRateSchedule], ...] = (
    CosineDecay,
    ExponentialDecay,
    PiecewiseConstantDecay,
)
_family = Family(LearningRateSchedule, _classes, {})


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """The schedule as {"class_name", "config"}.

    Args:
        learning_rate_schedule: The schedule.

    Example:
        >>> serialize(ExponentialDecay(0.1, 10, 0.5))["class_name"]
        'ExponentialDecay'
    """
    return _serialize(learning_rate_schedule)


def deserialize(
    config: Any, custom_objects: Mapping[str, Any] | None = None
) -> LearningRateSchedule:
    """The schedule that `serialize` described.

    Example:
        >>> deserialize(serialize(CosineDecay(0.1, 100)))
        CosineDecay(initial_learning_rate=0.1, decay_steps=100)
    """
    return _family.deserialize(config, custom_objects)
