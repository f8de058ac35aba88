"""`import lamina` is quick: it reads next to nothing, and never another package than numpy."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

TRAIN = """
model = lamina.Sequential([lamina.Input((4, 3)), lamina.layers.LSTM(2), lamina.layers.Dense(1)])
model.compile("adam", "mse", metrics=["mae"])
x = np.zeros((4, 4, 3))
model.fit(x, x[:, 0, :1], verbose=0)
model.predict(x, verbose=0)
"""


def imported(program):
    """The modules that a program brings in beside those that numpy brings."""
    lines = [
        "import json, sys",
        "import numpy as np",
        "before = set(sys.modules)",
        "import lamina",
        program,
        "print(json.dumps(sorted(set(sys.modules) - before)))",
    ]
    command = [sys.executable, "-c", "\n".join(lines)]
    return set(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))


def test_import_reads_the_engine_and_no_part_of_the_package():
    new = imported("")
    assert {name for name in new if name.startswith("lamina")} == {"lamina", "lamina._core"}
    assert len(new) <= 4, "beside those of numpy"


@pytest.mark.parametrize("program", ["", TRAIN, "import lamina.utils", "dir(lamina.callbacks)"])
def test_no_other_package_is_imported(program):
    packages = {name.partition(".")[0] for name in imported(program)}
    assert packages - sys.stdlib_module_names <= {"lamina", "numpy"}
