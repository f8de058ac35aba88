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


@configured
class PolynomialDecay(LearningRateSchedule):
    """`(initial - end) * (1 - step / decay_steps) ** power + end`, and `end` from then on.

    Args:
        initial_learning_rate: The learning rate at step 0.
        decay_steps: The steps of the decay; above 0.
        end_learning_rate: The learning rate at the end.
        power: The power; 1 for a straight line.
        cycle: Whether `decay_steps` is drawn out to its next multiple whenever it is over.
        name: What it is called.

    Raises:
        ConfigError: decay_steps not above 0.

    Example:
        >>> schedule = PolynomialDecay(1.0, decay_steps=10, end_learning_rate=0.0)
        >>> [schedule(step) for step in (0, 5, 10, 20)]
        [1.0, 0.5, 0.0, 0.0]
    """

    initial_learning_rate: float
    decay_steps: float
    end_learning_rate: float = 0.0001
    power: float = 1.0
    cycle: bool = False
    name: str = "PolynomialDecay"


@configured
class InverseTimeDecay(LearningRateSchedule):
    """`initial_learning_rate / (1 + decay_rate * step / decay_steps)`.

    Args:
        initial_learning_rate: The learning rate at step 0.
        decay_steps: The steps of one unit of time; above 0.
        decay_rate: What a unit of time adds to the divisor.
        staircase: Whether time goes in whole units.
        name: What it is called.

    Raises:
        ConfigError: decay_steps not above 0.

    Example:
        >>> schedule = InverseTimeDecay(1.0, decay_steps=10, decay_rate=1.0)
        >>> [schedule(step) for step in (0, 10, 30)]
        [1.0, 0.5, 0.25]
    """

    initial_learning_rate: float
    decay_steps: float
    decay_rate: float
    staircase: bool = False
    name: str = "InverseTimeDecay"


@configured
class CosineDecayRestarts(LearningRateSchedule):
    """Half a cosine again and again, each longer and started at another height.

    Args:
        initial_learning_rate: The learning rate at step 0.
        first_decay_steps: The steps of the first decay; above 0.
        t_mul: How much longer each decay is than the one before.
        m_mul: How much higher each decay starts than the one before.
        alpha: The share of the learning rate that is left at the end of a decay.
        name: What it is called.

    Raises:
        ConfigError: first_decay_steps or t_mul not above 0.

    References:
        Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2016.

    Example:
        >>> schedule = CosineDecayRestarts(1.0, first_decay_steps=10, m_mul=0.5)
        >>> [round(schedule(step), 3) for step in (0, 5, 10, 20, 30)]
        [1.0, 0.5, 0.5, 0.25, 0.25]
    """

    initial_learning_rate: float
    first_decay_steps: float
    t_mul: float = 2.0
    m_mul: float = 1.0
    alpha: float = 0.0
    name: str = "SGDRDecay"


@configured
class OneCycle(LearningRateSchedule):
    """Up to a large learning rate and down far below the first, as PyTorch's `OneCycleLR`.

    Args:
        max_learning_rate: The largest learning rate.
        total_steps: The steps of the cycle; the last learning rate stays after them.
        pct_start: The share of the steps that go up.
        anneal: The form of the ways, `"cos"` or `"linear"`.
        div_factor: The largest learning rate divided by the first.
        final_div_factor: The first learning rate divided by the last.
        name: What it is called.

    Raises:
        ConfigError: a total_steps not above 1, a share outside 0 to 1, factors not above 0.

    References:
        Smith and Topin, Super-Convergence: Very Fast Training of Neural Networks, 2017.

    Example:
        >>> schedule = OneCycle(1.0, total_steps=101, pct_start=0.5, anneal="linear")
        >>> [round(schedule(step), 6) for step in (0, 49.5, 100)]
        [0.04, 1.0, 4e-06]
    """

    max_learning_rate: float
    total_steps: float
    pct_start: float = 0.3
    anneal: str = "cos"
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    name: str = "OneCycle"


@configured
class Cyclic(LearningRateSchedule):
    """Up and down between two learning rates, as PyTorch's `CyclicLR`.

    Args:
        base_learning_rate: The smallest learning rate.
        max_learning_rate: The largest.
        step_size_up: The steps up; above 0.
        step_size_down: The steps down; as many as up if None.
        mode: `"triangular"` keeps the height, `"triangular2"` halves it after each cycle, and
            `"exp_range"` multiplies it by `gamma ** step`.
        gamma: The factor of `"exp_range"`.
        name: What it is called.

    Raises:
        ConfigError: no steps up or down; an unknown mode.

    References:
        Smith, Cyclical Learning Rates for Training Neural Networks, 2017.

    Example:
        >>> schedule = Cyclic(0.0, 1.0, step_size_up=4, mode="triangular2")
        >>> [schedule(step) for step in (0, 2, 4, 8, 12)]
        [0.0, 0.5, 1.0, 0.0, 0.5]
    """

    base_learning_rate: float
    max_learning_rate: float
    step_size_up: float = 2000
    step_size_down: float | None = None
    mode: str = "triangular"
    gamma: float = 1.0
    name: str = "Cyclic"


@configured
class Noam(LearningRateSchedule):
    """Up in a straight line, then down with the root of the step: that of the first transformers.

    `factor * d_model ** -0.5 * min(t ** -0.5, t * warmup_steps ** -1.5)` with `t = step + 1`.

    Args:
        d_model: The width of the model.
        warmup_steps: The steps up; above 0.
        factor: What everything is multiplied by.
        name: What it is called.

    Raises:
        ConfigError: no width, no steps up.

    References:
        Vaswani et al., Attention Is All You Need, 2017.

    Example:
        >>> schedule = Noam(d_model=4, warmup_steps=4)
        >>> [schedule(step) for step in (0, 3, 15)]
        [0.0625, 0.25, 0.125]
    """

    d_model: float
    warmup_steps: float = 4000
    factor: float = 1.0
    name: str = "Noam"


@configured
class LinearWarmup(LearningRateSchedule):
    """A straight line up to where a schedule starts, which then counts from 0.

    Args:
        learning_rate: The learning rate after the warm-up: a number, or a schedule.
        warmup_steps: The steps of the warm-up.
        initial_learning_rate: The learning rate at step 0.
        name: What it is called.

    Raises:
        ConfigError: warmup_steps below 0.

    Example:
        >>> schedule = LinearWarmup(PolynomialDecay(1.0, 10, 0.0), warmup_steps=10)
        >>> [schedule(step) for step in (0, 5, 10, 15)]
        [0.0, 0.5, 1.0, 0.5]
    """

    learning_rate: Any
    warmup_steps: float
    initial_learning_rate: float = 0.0
    name: str = "LinearWarmup"


@configured
class Chained(LearningRateSchedule):
    """Schedules one after the other; each counts its steps from where it begins.

    Args:
        schedules: Schedules, or numbers for learning rates that stay.
        boundaries: The first step of each but the first, rising.
        name: What it is called.

    Raises:
        ConfigError: boundaries that do not rise, or another number of schedules.

    Example:
        >>> schedule = Chained([0.1, PolynomialDecay(1.0, 10, 0.0)], boundaries=[5])
        >>> [schedule(step) for step in (0, 4, 5, 10)]
        [0.1, 0.1, 1.0, 0.5]
    """

    schedules: Sequence[Any]
    boundaries: Sequence[float]
    name: str = "Chained"


_classes: tuple[type[LearningRateSchedule], ...] = (
    Chained,
    CosineDecay,
    CosineDecayRestarts,
    Cyclic,
    ExponentialDecay,
    InverseTimeDecay,
    LinearWarmup,
    Noam,
    OneCycle,
    PiecewiseConstantDecay,
    PolynomialDecay,
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
