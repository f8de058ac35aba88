"""A kill or a full disk while saving leaves the old file whole."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager

import numpy as np
import pytest

from lamina import layers
from lamina.errors import FileError
from lamina.models import Sequential, load_model

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")

SAVER = """
    import sys
    import numpy as np
    from lamina import layers
    from lamina.models import Sequential

    model = Sequential([layers.Input((512,)), layers.Dense(1024), layers.Dense(512)])
    number = 0
    while True:
        number += 1
        model.set_weights([np.full(w.shape, number, np.float32) for w in model.weights])
        model.save(sys.argv[1])
        print(number, flush=True)
"""


def model_of(value, units=256):
    model = Sequential([layers.Input((256,)), layers.Dense(units)])
    model.set_weights([np.full(w.shape, value, np.float32) for w in model.weights])
    return model


def test_a_kill_at_any_moment_leaves_a_whole_file(tmp_path):
    path = tmp_path / "m.lamina"
    for attempt in range(12):
        command = [sys.executable, "-c", textwrap.dedent(SAVER), str(path)]
        saver = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        saver.stdout.readline()
        time.sleep(0.003 * attempt)
        saver.send_signal(signal.SIGKILL)
        saver.wait()
        saver.stdout.close()
        values = {float(v) for w in load_model(path).get_weights() for v in (w.min(), w.max())}
        assert len(values) == 1, "weights of two saves in one file"


@contextmanager
def small_files():
    """No file may grow beyond 64 KB: what a full disk looks like to a writer.

    Not for longer than a test needs: the tests' own output may go to a file.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_is_an_error_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "m.lamina"
    model_of(1.0, units=8).save(path)
    full = model_of(2.0)
    with pytest.raises(FileError, match=r"m\.lamina"), small_files():
        full.save(path)
    assert load_model(path).get_weights()[0].max() == 1.0
    assert os.listdir(tmp_path) == ["m.lamina"], "no half-written file stays behind"


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(FileError, match="missing"):
        model_of(1.0).save(tmp_path / "missing" / "m.lamina")


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_an_error(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(FileError):
            model_of(1.0).save(tmp_path / "m.lamina")
    finally:
        tmp_path.chmod(0o700)
