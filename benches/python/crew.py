"""The engines side by side: a worker process each, all stopped but the one that is timed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


class Worker:
    """A process that runs one engine; while it waits it is stopped, so that nothing of it spins."""

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        command = [sys.executable, str(FOLDER / "worker.py"), name, str(threads)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._stop()

    def _stop(self) -> None:
        if hasattr(signal, "SIGSTOP"):
            os.kill(self.process.pid, signal.SIGSTOP)

    def ask(self, **order: Any) -> Any:
        """The worker's answer to an order."""
        if hasattr(signal, "SIGCONT"):
            os.kill(self.process.pid, signal.SIGCONT)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        self._stop()
        return json.loads(line) if line else {"error": "the process ended"}

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


def rounds(
    workers: list[Worker], key: str, mode: str, options: list[str], count: int, seconds: float
) -> tuple[dict[str, float], dict[str, str]]:
    """The best milliseconds of each task over `count` rounds in turn; and what failed, and why."""
    tasks: list[tuple[Worker, str]] = []
    failed: dict[str, str] = {}
    for worker in workers:
        names = worker.ask(key=key, mode=mode, options=options)
        if isinstance(names, dict):
            failed[worker.name] = names["error"]
        else:
            tasks += [(worker, name) for name in names]
    best: dict[str, float] = {}
    for _ in range(count):
        for worker, name in tasks:
            took = worker.ask(task=name, seconds=seconds)
            if isinstance(took, dict):
                failed[name] = took["error"]
            else:
                best[name] = min(took, best.get(name, took))
    return best, failed
