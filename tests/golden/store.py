"""Write golden files: one safetensors file per family, its cases as JSON in the metadata.

The format is chosen so that both sides of the house can read it with what they have: Rust with the
`safetensors` crate, Python with numpy and thirty lines (`tests/python/golden.py`). README.md in
this folder describes it.
"""

import json
import struct
import zlib
from pathlib import Path

import numpy as np

_DTYPES = {"float64": "F64", "int64": "I64", "bool": "BOOL"}


class Family:
    """The cases of one golden file, in the order in which they were added."""

    def __init__(self, name):
        self.name = name
        self.cases = []
        self._pools = {dtype: [] for dtype in _DTYPES}
        self._sizes = dict.fromkeys(_DTYPES, 0)
        self._places = {}

    def add(self, name, fields, tensors):
        """Add one case: `fields` are JSON values, `tensors` map a role to an array or several."""
        if any(case["name"] == name for case in self.cases):
            raise ValueError(f"{self.name}: two cases are named {name!r}")
        places = {
            role: [self._place(name, role, array) for array in arrays]
            if isinstance(arrays, (list, tuple))
            else self._place(name, role, arrays)
            for role, arrays in tensors.items()
        }
        self.cases.append({"name": name, **fields, "tensors": places})

    def write(self, folder):
        """Write `<folder>/<name>.safetensors` and return its size in bytes."""
        header = {"__metadata__": {"cases": json.dumps(self.cases, separators=(",", ":"))}}
        end, chunks = 0, []
        for dtype, code in _DTYPES.items():
            pool = np.concatenate([np.empty(0, dtype), *self._pools[dtype]])
            start, end = end, end + pool.nbytes
            header[dtype] = {"dtype": code, "shape": [pool.size], "data_offsets": [start, end]}
            chunks.append(pool.tobytes())
        head = json.dumps(header, separators=(",", ":")).encode()
        head += b" " * (-len(head) % 8)
        path = Path(folder) / f"{self.name}.safetensors"
        path.write_bytes(struct.pack("<Q", len(head)) + head + b"".join(chunks))
        return path.stat().st_size

    def _place(self, name, role, array):
        """Append the array to the pool of its dtype unless it lies there already; return where."""
        array = np.asarray(array)
        dtype = array.dtype.name
        if dtype not in _DTYPES:
            raise TypeError(
                f"{self.name}: {name}: {role} has dtype {dtype}, which has no place in a golden "
                "file"
            )
        if dtype == "float64" and np.isnan(array).any():
            raise ValueError(f"{self.name}: {name}: {role} has NaN")
        flat = np.ascontiguousarray(array).ravel()
        key = (dtype, flat.tobytes())
        if key not in self._places:
            self._places[key] = self._sizes[dtype]
            self._pools[dtype].append(flat)
            self._sizes[dtype] += flat.size
        return [dtype, self._places[key], list(array.shape)]


def seeded(*names):
    """Return a numpy generator that depends on the names alone."""
    return np.random.default_rng(zlib.crc32("/".join(names).encode()))
