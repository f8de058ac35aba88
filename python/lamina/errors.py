"""The errors lamina raises.

Each names the layer or argument, what was expected, what came and, where one is likely, a remedy.
All of them are also the built-in errors that Keras and numpy code expects (`ValueError`,
`TypeError`, `OSError`), so handlers written for those keep working.
"""


class LaminaError(Exception):
    """Anything lamina has to say about how it was used; the other errors derive from it."""


class ShapeError(LaminaError, ValueError):
    """An array or tensor has the wrong number of axes, or an axis the wrong size."""


class ConfigError(LaminaError, ValueError, TypeError):
    """An option of a layer, model, loss, metric, optimizer or callback is unknown or impossible."""


class ParamError(LaminaError, ValueError):
    """A weight is missing, unknown, or does not fit the layer it is meant for."""


class DataError(LaminaError, ValueError):
    """The numbers themselves are wrong: a label out of range, empty data, NaN where none may be."""


class DtypeError(LaminaError, TypeError):
    """The data cannot be computed with: text, objects, complex numbers, dates."""


class FileError(LaminaError, OSError):
    """A file is missing, unreadable, cut off, or not what its name says."""
