"""How an engine starts: seconds to import it and to its first step, and the peak of its memory.

python benches/python/start.py torch w4        # prints a line of JSON
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

MODULES = {
    "lamina": "lamina",
    "torch": "torch",
    "jax": "jax, optax",
    "tensorflow": "tensorflow, keras",
    "sklearn": "sklearn.neural_network",
}


def once(engine: str, key: str) -> dict[str, float] | None:
    """Start `engine` in a new process."""
    command = [sys.executable, __file__, engine, key]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def main() -> None:
    """Import, take a step, tell."""
    engine, key = sys.argv[1:3]
    sys.path.insert(0, str(Path(__file__).parent))
    import numpy  # noqa: F401  every engine needs it

    start = time.perf_counter()
    exec(f"import {MODULES[engine]}")
    imported = time.perf_counter() - start
    from workloads import WORKLOADS, data

    x, y = data(key, WORKLOADS[key].batch * (16 if key in ("w1", "w2") else 1))
    made = time.perf_counter()
    tasks = __import__(f"engine_{engine}").Engine(key, 2, set()).train(x, y)
    next(iter(tasks.values()))()
    first = imported + time.perf_counter() - made
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"import s": imported, "first step s": first, "peak MB": memory}))


if __name__ == "__main__":
    main()
