"""Read the golden files: what real Keras computes, made by tests/golden/make.py."""

import json
import struct
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent.parent / "golden"


@dataclass
class Case:
    """One case of a family; tests/golden/README.md says which fields and arrays each family has."""

    name: str
    fields: dict
    arrays: dict = field(repr=False)

    def __getattr__(self, key):
        for place in ("arrays", "fields"):
            if key in self.__dict__.get(place, {}):
                return self.__dict__[place][key]
        raise AttributeError(f"the golden case {self.__dict__.get('name')!r} has no {key!r}")

    def get(self, key, default=None):
        """Return a field or an array, or `default` if the case has none of that name."""
        return getattr(self, key, default)


@cache
def load(family):
    """Return all cases of `tests/golden/<family>.safetensors`. The arrays are read-only."""
    data = (FOLDER / f"{family}.safetensors").read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    pools = {
        dtype: np.frombuffer(
            data, dtype, *header[dtype]["shape"], 8 + length + header[dtype]["data_offsets"][0]
        )
        for dtype in ("float64", "int64", "bool")
    }

    def array(place):
        dtype, start, shape = place
        return pools[dtype][start : start + int(np.prod(shape))].reshape(shape)

    cases = []
    for fields in json.loads(header["__metadata__"]["cases"]):
        arrays = {
            role: array(place) if place and isinstance(place[0], str) else [array(p) for p in place]
            for role, place in fields.pop("tensors").items()
        }
        cases.append(Case(fields.pop("name"), fields, arrays))
    return cases


def names(cases):
    """Return the cases' names: the ids of a parametrised test."""
    return [case.name for case in cases]
