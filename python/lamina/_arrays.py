"""Whatever a user calls data becomes an array of the engine's type, or a clear error."""

from __future__ import annotations

import numbers
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lamina.errors import DataError, DtypeError, ShapeError

Array = NDArray[Any]

_EXACT = {"float32": 2**24, "float64": 2**53}
"""The largest integer up to which every integer is a number of the type."""


def as_array(
    value: Any, where: str, dtype: str, *, ids: bool = False, keep_bytes: bool = False
) -> Array:
    """The value as an aligned, C-contiguous array of `dtype`; the same object where it already is.

    Args:
        value: Array, nested list, frame or column of pandas, polars or Arrow, tensor of another
            library (DLPack), or anything numpy can read.
        where: What to call it in an error.
        dtype: "float32" or "float64".
        ids: Whether the numbers are ids or labels, which must not be rounded.
        keep_bytes: Leave uint8 as it is: the engine turns bytes into numbers batch by batch.

    Raises:
        DtypeError: strings, objects, complex numbers, dates.
        ShapeError: rows of different lengths, or a single number.
        DataError: a number beyond the range of `dtype`, an id that it cannot hold exactly, or a
            missing value.
    """
    wanted = np.dtype(dtype)
    if type(value) is np.ndarray and value.dtype == wanted and value.ndim:
        return np.require(value, wanted, ["C_CONTIGUOUS", "ALIGNED"])
    array = read(value, where)
    if array.dtype.kind not in "fiub":
        remedy = _remedy(value, array)
        raise DtypeError(f"{where}: expected numbers, got dtype {array.dtype}. {remedy}")
    if array.ndim == 0:
        raise ShapeError(f"{where}: expected an array with a batch axis, got a single number")
    if keep_bytes and array.dtype.kind in "ub" and array.dtype.itemsize == 1:
        return np.ascontiguousarray(array).view(np.uint8)
    if ids and array.dtype.kind in "iu" and array.dtype.itemsize > 2 and array.size:
        _check_exact(array, where, dtype)
    if array.dtype.kind != "f":
        return array.astype(wanted, "C")
    try:
        with np.errstate(over="raise"):
            return np.require(array, wanted, ["C_CONTIGUOUS", "ALIGNED"])
    except FloatingPointError:
        raise DataError(
            f"{where}: expected numbers within the range of {dtype}, got larger ones. "
            "Scale them, or use dtype='float64'"
        ) from None


def rows_of(array: Array) -> int:
    """The number of samples."""
    return int(array.shape[0])


def read(value: Any, where: str) -> Array:
    """The value as an array of whatever type; see `as_array`."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise DataError(
            f"{where}: expected plain numbers, got a masked array with hidden values. "
            "Fill them first (array.filled(value))"
        )
    if hasattr(value, "collect") and not hasattr(value, "__array__"):
        raise DtypeError(f"{where}: expected data, got a query. Run it first (frame.collect())")
    try:
        if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
            return cast(Array, np.from_dlpack(value))
        array: Array = np.asarray(value)
        if array.dtype.kind != "O" or not array.ndim or not array.size:
            return array
        if _all_numbers(array):
            return array.astype(np.float64)  # a data frame whose columns differ in type
        if array.ndim == 1 and all(hasattr(row, "__array__") for row in array):
            return np.stack(list(array))  # a column of vectors
    except ValueError as error:
        if "inhomogeneous" not in str(error) and "same shape" not in str(error):
            raise
        raise ShapeError(
            f"{where}: expected rows of equal length, got a list whose rows differ. "
            "Pad them (lamina.utils.pad_sequences)"
        ) from None
    present = [item for item in array.flat if not _is_missing(item)]
    if 0 < len(present) < array.size and all(isinstance(i, numbers.Real) for i in present):
        raise DataError(
            f"{where}: expected numbers everywhere, got missing values. "
            "Fill them or drop their rows first"
        )
    return array


def _is_missing(item: Any) -> bool:
    return item is None or type(item).__name__ in ("NAType", "NaTType")


def _all_numbers(array: Array) -> bool:
    return all(isinstance(item, numbers.Real | np.bool_) for item in array.flat)


def _remedy(value: Any, array: Array) -> str:
    if hasattr(value, "toarray"):
        return "Make the sparse matrix dense first (x.toarray())"
    if array.dtype.kind in "SU" or (array.size and isinstance(array.flat[0], str)):
        return "Encode text as numbers first"
    return "Convert it first, e.g. x.astype('float32')"


def _check_exact(array: Array, where: str, dtype: str) -> None:
    limit = _EXACT[dtype]
    largest = max(int(array.max()), -int(array.min()))
    if largest > limit:
        raise DataError(
            f"{where}: expected ids up to {limit}, which {dtype} holds exactly, got {largest}. "
            "Number the classes or tokens from 0 without gaps"
        )
