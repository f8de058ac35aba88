"""One engine in a process of its own, told over pipes what to do: a line of JSON in, one out.

The number of threads is set before anything is imported, by environment variables and by the cores
the process may use, as some engines look nowhere else.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from typing import Any

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LAMINA_NUM_THREADS")


def limit_threads(threads: int) -> None:
    """Compute with so many threads, on as many cores."""
    os.environ.update(dict.fromkeys(VARIABLES, str(threads)))
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))[:threads]
        os.sched_setaffinity(0, cores)


def timed(run: Any, seconds: float) -> float:
    """Seconds for one run, the mean over as many as fit into a block.

    A run that returns seconds has timed itself.
    """
    count, own, start = 0, 0.0, time.perf_counter()
    while True:
        told = run()
        count += 1
        own += told if isinstance(told, float) else 0.0
        passed = time.perf_counter() - start
        if passed >= seconds:
            return (own or passed) / count


def main() -> None:
    """Answer until the input ends."""
    name, threads = sys.argv[1], int(sys.argv[2])
    # Engines print; the answers go where nothing else does.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    limit_threads(threads)
    tasks: dict[str, tuple[Any, float]] = {}
    engine_class: Any = None
    engine: Any = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            if "task" in order:
                run, units = tasks[order["task"]]
                answer: Any = timed(run, order["seconds"]) / units * 1e3
            elif "tell" in order:
                answer = getattr(engine, order["tell"])()
            else:
                tasks.clear()
                engine = None
                gc.collect()
                if engine_class is None:
                    engine_class = __import__(f"engine_{name}").Engine
                engine = engine_class(order["key"], threads, set(order["options"]))
                tasks = make(engine, order)
                answer = list(tasks)
        except NotImplementedError:
            answer = []
        except Exception as error:  # an engine that fails is left out, with its reason
            answer = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
        answers.write(json.dumps(answer) + "\n")


def make(engine: Any, order: dict[str, Any]) -> dict[str, tuple[Any, float]]:
    """The tasks of an engine for its workload or layer, each run twice, and the units of a run."""
    from ragged_cases import RAGGED
    from workloads import WORKLOADS, data

    from layer_cases import CASES, arrays

    key, mode = order["key"], order["mode"]
    if key in RAGGED:  # the engine has drawn the sequences
        made, units = engine.train(), 1
    elif key in CASES:
        made, units = getattr(engine, mode)(arrays(key)), 1
    elif mode.startswith("infer"):
        size = int(mode.removeprefix("infer"))
        made, units = getattr(engine, "infer", lambda x: {})(data(key, size)[0]), 1
    else:
        units = WORKLOADS[key].steps
        if not hasattr(engine, mode):
            return {}
        made = getattr(engine, mode)(*data(key, WORKLOADS[key].batch * units))
    for run in made.values():
        run()
        run()
    return {name: (run, units) for name, run in made.items()}


if __name__ == "__main__":
    main()
