"""Check the wheel in dist/: its size, and that it needs numpy and nothing else.

make wheel                  # builds it, then runs this
python tests/wheel.py dist
"""

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

LIMIT = 4_000_000
"""The largest wheel, in bytes."""

IMPORTED = """
import json
before = set(sys.modules)  # what the installation itself brings
import lamina
model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit([[1.0, 2.0]], [[3.0]], verbose=0)
new = set(sys.modules) - before
print(json.dumps(sorted({name.partition(".")[0] for name in new})))
"""


def main(folder):
    """Tell what is wrong and end with 1, or tell the size."""
    wheels = sorted(Path(folder).glob("lamina-*.whl"), key=lambda path: path.stat().st_mtime)
    if not wheels:
        sys.exit(f"no wheel in {folder}: `make wheel` builds one")
    wheel = wheels[-1]
    size = wheel.stat().st_size
    if size > LIMIT:
        sys.exit(f"error: {wheel.name} has {size:,} bytes, more than {LIMIT:,}")
    others = imported_from(wheel) - {"lamina", "numpy"}
    if others:
        sys.exit(f"error: {wheel.name}: training needs {', '.join(sorted(others))}")
    print(f"{wheel.name}: {size:,} bytes, needs numpy alone")


def imported_from(wheel):
    """The packages that a program imports which trains a model from this wheel."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        # -I: neither the working directory nor PYTHONPATH.
        program = f"import sys; sys.path.insert(0, {folder!r})\n{IMPORTED}"
        program += f"assert lamina.__file__.startswith({folder!r})\n"
        ran = subprocess.run(
            [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False
        )
        if ran.returncode:
            sys.exit(f"error: {wheel.name} does not work:\n{ran.stderr}")
    return set(json.loads(ran.stdout)) - sys.stdlib_module_names


if __name__ == "__main__":
    main(sys.argv[1])
