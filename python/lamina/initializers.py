"""How weights start: the classes, and `get` for their names.

A layer takes one as a name, `Dense(8, kernel_initializer="he_normal")`, or as an object,
`Dense(8, kernel_initializer=HeNormal(seed=1))`. Called with a shape, an object returns an array.

Fans: a weight of shape `(..., inputs, outputs)` has `fan_in = window * inputs` and
`fan_out = window * outputs`, where `window` is the product of the axes before; `input_axes` and
`output_axes` together name other axes. Every draw is a function of seed and element alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from lamina import _core, _session, config
from lamina._arrays import Array
from lamina._configured import Configured, Family, configured
from lamina._configured import serialize as _serialize


class Initializer(Configured):
    """What all initializers are.

    Example:
        >>> isinstance(get("zeros"), Initializer)
        True
    """

    _family: ClassVar[str] = "initializer"

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Array:
        """An array of this shape, float32 unless `dtype` or `lamina.config.floatx` say float64.

        The same object gives the same numbers each time, as in Keras.
        """
        own = self.__dict__.setdefault("_own_seed", _session.next_seed())
        return _core.initialize(self._json(), list(shape), dtype or config.floatx(), own)


@configured
class Zeros(Initializer):
    """All zeros.

    Example:
        >>> Zeros()((2, 2))
        array([[0., 0.],
               [0., 0.]], dtype=float32)
    """


@configured
class Ones(Initializer):
    """All ones.

    Example:
        >>> Ones()((3,))
        array([1., 1., 1.], dtype=float32)
    """


@configured
class Constant(Initializer):
    """The same number everywhere.

    Args:
        value: The number.

    Example:
        >>> Constant(0.5)((2,), "float64")
        array([0.5, 0.5])
    """

    value: float = 0.0


@configured
class Identity(Initializer):
    """`gain` on the diagonal of a matrix, 0 elsewhere.

    Args:
        gain: The number on the diagonal.

    Raises:
        ConfigError: when a weight that is no matrix is started with it.

    Example:
        >>> Identity(2.0)((2, 3))
        array([[2., 0., 0.],
               [0., 2., 0.]], dtype=float32)
    """

    gain: float = 1.0


IdentityInitializer = Identity


@configured
class RandomNormal(Initializer):
    """Normal numbers.

    Args:
        mean: Their mean.
        stddev: Their standard deviation.
        seed: An int for numbers that depend on it alone; None for the session's next seed.

    Example:
        >>> RandomNormal(seed=1)((2, 3)).shape
        (2, 3)
    """

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None


@configured
class TruncatedNormal(Initializer):
    """Normal numbers, drawn again where they lie more than two standard deviations off.

    Args:
        mean: The mean.
        stddev: The standard deviation before the far ones are drawn again.
        seed: An int for numbers that depend on it alone; None for the session's next seed.

    Example:
        >>> bool(abs(TruncatedNormal(stddev=1.0)((100,))).max() <= 2)
        True
    """

    mean: float = 0.0
    stddev: float = 0.05
    seed: int | None = None


@configured
class RandomUniform(Initializer):
    """Uniform numbers of `[minval, maxval)`.

    Args:
        minval: The lower bound.
        maxval: The upper bound.
        seed: An int for numbers that depend on it alone; None for the session's next seed.

    Example:
        >>> x = RandomUniform(0.0, 1.0, seed=1)((100,))
        >>> bool(0 <= x.min() and x.max() < 1)
        True
    """

    minval: float = -0.05
    maxval: float = 0.05
    seed: int | None = None


@configured
class VarianceScaling(Initializer):
    """Numbers of variance `scale / n`, so that signals keep their size from layer to layer.

    Args:
        scale: The factor of the variance, above 0.
        mode: What `n` is: `"fan_in"`, `"fan_out"` or `"fan_avg"`, their mean.
        distribution: `"truncated_normal"` (also `"normal"`), `"untruncated_normal"`, `"uniform"`.
        seed: An int for numbers that depend on it alone; None for the session's next seed.
        input_axes: Axes whose sizes multiply to `fan_in`; together with `output_axes`.
        output_axes: Axes whose sizes multiply to `fan_out`.

    Raises:
        ConfigError: scale not above 0; unknown mode or distribution; axes the weight does not have.

    References:
        He et al., Delving Deep into Rectifiers, 2015. Rust: src/init.rs.

    Example:
        >>> x = VarianceScaling(scale=3.0, distribution="uniform", seed=1)((300, 7))
        >>> bool(abs(x).max() <= (3 * 3.0 / 300) ** 0.5)
        True
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    seed: int | None = None
    input_axes: Sequence[int] | None = None
    output_axes: Sequence[int] | None = None


@configured
class GlorotUniform(Initializer):
    """Uniform numbers of `[-l, l)`, `l = sqrt(6 / (fan_in + fan_out))`: Keras's usual kernel.

    Args:
        seed: An int for numbers that depend on it alone; None for the session's next seed.
        input_axes: Axes whose sizes multiply to `fan_in`; together with `output_axes`.
        output_axes: Axes whose sizes multiply to `fan_out`.

    References:
        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
        networks, 2010.

    Example:
        >>> bool(abs(GlorotUniform(seed=1)((4, 2))).max() <= 1)
        True
    """

    seed: int | None = None
    input_axes: Sequence[int] | None = None
    output_axes: Sequence[int] | None = None


@configured
class GlorotNormal(Initializer):
    """Truncated normal numbers of variance `2 / (fan_in + fan_out)`.

    Args:
        seed: An int for numbers that depend on it alone; None for the session's next seed.
        input_axes: Axes whose sizes multiply to `fan_in`; together with `output_axes`.
        output_axes: Axes whose sizes multiply to `fan_out`.

    References:
        Glorot and Bengio, Understanding the difficulty of training deep feedforward neural
        networks, 2010.

    Example:
        >>> GlorotNormal(seed=1)((4, 2)).shape
        (4, 2)
    """

    seed: int | None = None
    input_axes: Sequence[int] | None = None
    output_axes: Sequence[int] | None = None


@configured
class HeNormal(Initializer):
    """Truncated normal numbers of variance `2 / fan_in`, made for relu.

    Args:
        seed: An int for numbers that depend on it alone; None for the session's next seed.
        input_axes: Axes whose sizes multiply to `fan_in`; together with `output_axes`.
        output_axes: Axes whose sizes multiply to `fan_out`.

    References:
        He et al., Delving Deep into Rectifiers, 2015.

    Example:
        >>> HeNormal(seed=1)((4, 2)).shape
        (4, 2)
    """

    seed: int | None = None
    input_axes: Sequence[int] | None = None
    output_axes: Sequence[int] | None = None


@configured
class HeUniform(Initializer):
    """Uniform numbers of `[-l, l)`, `l = sqrt(6 / fan_in)`, made for relu.

    Args:
        seed: An int for numbers that depend on it alone; None for the session's next seed.
        input_axes: Axes whose sizes multiply to `fan_in`; together with `output_axes`.
        output_axes: Axes whose sizes multiply to `fan_out`.

    References:
        He et al., Delving Deep into Rectifiers, 2015.

    Example:
        >>> bool(abs(HeUniform(seed=1)((6, 2))).max() <= 1)
        True
    """

    seed: int | None = None
    input_axes: Sequence[int] | None = None
    output_axes: Sequence[int] | None = None


@configured
class LecunNormal(Initializer):
    """Truncated normal numbers of variance `1 / fan_in`, made for selu.

    Args:
        seed: An int for numbers that depend on it alone; None for the session's next seed.
        input_axes: Axes whose sizes multiply to `fan_in`; together with `output_axes`.
        output_axes: Axes whose sizes multiply to `fan_out`.

    References:
        LeCun et al., Efficient BackProp, 1998; Klambauer et al., Self-Normalizing Neural
        Networks, 2017.

    Example:
        >>> LecunNormal(seed=1)((4, 2)).shape
        (4, 2)
    """

    seed: int | None = None
    input_axes: Sequence[int] | None = None
    output_axes: Sequence[int] | None = None


@configured
class LecunUniform(Initializer):
    """Uniform numbers of `[-l, l)`, `l = sqrt(3 / fan_in)`.

    Args:
        seed: An int for numbers that depend on it alone; None for the session's next seed.
        input_axes: Axes whose sizes multiply to `fan_in`; together with `output_axes`.
        output_axes: Axes whose sizes multiply to `fan_out`.

    References:
        LeCun et al., Efficient BackProp, 1998.

    Example:
        >>> bool(abs(LecunUniform(seed=1)((3, 2))).max() <= 1)
        True
    """

    seed: int | None = None
    input_axes: Sequence[int] | None = None
    output_axes: Sequence[int] | None = None


@configured
class Orthogonal(Initializer):
    """A matrix with orthonormal rows or columns, whichever are fewer: Keras's recurrent kernel.

    A weight of more axes is taken as a matrix of its last axis and all others.

    Args:
        gain: What the matrix is multiplied with.
        seed: An int for numbers that depend on it alone; None for the session's next seed.

    Raises:
        ConfigError: when a weight of fewer than two axes is started with it.

    References:
        Saxe et al., Exact solutions to the nonlinear dynamics of learning in deep linear neural
        networks, 2013. Rust: src/init/fill.rs.

    Example:
        >>> q = Orthogonal(seed=1)((3, 3), "float64")
        >>> bool(np.allclose(q @ q.T, np.eye(3)))
        True
    """

    gain: float = 1.0
    seed: int | None = None


OrthogonalInitializer = Orthogonal

constant, zeros, ones, identity, orthogonal = Constant, Zeros, Ones, Identity, Orthogonal
random_normal, random_uniform = RandomNormal, RandomUniform
truncated_normal, variance_scaling = TruncatedNormal, VarianceScaling
glorot_normal, glorot_uniform = GlorotNormal, GlorotUniform
he_normal, he_uniform = HeNormal, HeUniform
lecun_normal, lecun_uniform = LecunNormal, LecunUniform

_classes: tuple[type[Initializer], ...] = (
    Zeros,
    Ones,
    Constant,
    Identity,
    RandomNormal,
    TruncatedNormal,
    RandomUniform,
    VarianceScaling,
    GlorotUniform,
    GlorotNormal,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    Orthogonal,
)
_family = Family(
    Initializer,
    _classes,
    {
        "zero": Zeros,
        "one": Ones,
        "normal": RandomNormal,
        "uniform": RandomUniform,
        "IdentityInitializer": Identity,
        "OrthogonalInitializer": Orthogonal,
    },
)


def get(identifier: Any) -> Any:
    """The initializer that a name, a config, a class or an object means; None stays None.

    Example:
        >>> get("he_normal")
        HeNormal()
    """
    return _family.get(identifier)


def serialize(initializer: Initializer) -> Any:
    """The initializer as {"class_name", "config"}.

    Example:
        >>> serialize(Constant(2.0))
        {'class_name': 'Constant', 'config': {'value': 2.0}}
    """
    return _serialize(initializer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Initializer:
    """The initializer that `serialize` described.

    Example:
        >>> deserialize({"class_name": "Constant", "config": {"value": 2.0}}).value
        2.0
    """
    return _family.deserialize(config, custom_objects)
