"""The progress bar on a terminal, in a file, and in a notebook."""

from __future__ import annotations

import io
import re
import sys
import time
from types import SimpleNamespace

import pytest

from lamina.callbacks import CallbackList, ProgbarLogger
from lamina.errors import ConfigError
from lamina.utils import Progbar


class FakeTerminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    stream = FakeTerminal()  # pytest changes sys.stdout between fixture and test, so not there
    monkeypatch.setattr("lamina.utils.screen.sys", SimpleNamespace(stdout=stream))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    return stream


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is set."""

    class Clock:
        now = 100.0

    monkeypatch.setattr(time, "perf_counter", lambda: Clock.now)
    return Clock


def plain(text):
    return re.sub("\x1b\\[[0-9;]*m", "", text)


def test_a_terminal_shows_keras_look_in_place(terminal, clock):
    bar = Progbar(10, stateless_metrics=[])
    clock.now += 0.02
    bar.update(1, [("loss", 2.0)])
    clock.now += 0.08
    bar.update(5, [("accuracy", 0.5), ("loss", 1.5)])
    clock.now += 0.1
    bar.update(10, [("loss", 1.0)])
    drawn = terminal.getvalue()
    assert drawn.startswith("\r\x1b[1m 1/10\x1b[0m \x1b[32m━━\x1b[0m\x1b[37m" + "━" * 18)
    frames = plain(drawn).split("\r")[1:]
    assert frames[0] == f" 1/10 {'━' * 20} 0s 20ms/step - loss: 2.0000"
    assert frames[1] == f" 5/10 {'━' * 20} 0s 20ms/step - loss: 1.5000 - accuracy: 0.5000"
    assert frames[2] == f"10/10 {'━' * 20} 0s 20ms/step - loss: 1.0000 - accuracy: 0.5000\n"


def test_a_shorter_line_erases_the_longer_one_before(terminal, clock):
    bar = Progbar(10, stateful_metrics=["loss"])
    bar.update(1, [("loss", 123456.0)])
    clock.now += 1
    bar.update(2, [("loss", 1.0)])
    first, second = plain(terminal.getvalue()).split("\r")[1:]
    assert len(second) == len(first)
    assert second.endswith("loss: 1.0000     ")


def test_a_line_is_cut_before_it_wraps(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    bar = Progbar(10)
    bar.update(1, [("a_metric_with_a_long_name", 1.0), ("another_one", 2.0)])
    assert len(plain(terminal.getvalue()).strip("\r")) == 49


def test_a_bar_is_drawn_at_most_once_an_interval(terminal, clock):
    bar = Progbar(1000, interval=0.1)
    for _ in range(1000):
        clock.now += 0.001
        bar.add(1)
    assert terminal.getvalue().count("\r") in (10, 11, 12)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.5, "49s"), (1.0, "1:39"), (60.0, "1:39:00"), (0.002, "0s")]
)
def test_the_time_left_is_shown(terminal, clock, seconds, shown):
    bar = Progbar(100)
    clock.now += seconds
    bar.update(1)
    assert f"\x1b[1m{shown}\x1b[0m" in terminal.getvalue()


def test_the_first_step_does_not_count_for_the_pace(terminal, clock):
    bar = Progbar(101, stateless_metrics=[])
    clock.now += 10.0
    bar.update(1)
    clock.now += 1.0
    bar.update(51)
    assert plain(terminal.getvalue()).rstrip().endswith("1s 20ms/step")


def test_numbers_are_averaged_unless_stateful(capsys):
    bar = Progbar(3, verbose=2, stateful_metrics=["last"])
    bar.update(1, [("mean", 1.0), ("last", 1.0)])
    bar.update(2, [("mean", 2.0), ("last", 2.0)])
    bar.update(3, finalize=True)
    assert capsys.readouterr().out.endswith(" - mean: 1.5000 - last: 2.0000\n")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5000"), (0.0005, "5.0000e-04"), (-0.5, "-0.5000"), (0.0, "0.0000e+00")],
)
def test_small_numbers_get_an_exponent(capsys, value, text):
    Progbar(1, verbose=2).update(1, [("x", value)])
    assert capsys.readouterr().out.endswith(f" - x: {text}\n")


def test_a_file_gets_one_plain_line(capsys):
    bar = Progbar(4, verbose=1)
    for _ in range(4):
        bar.add(1, [("loss", 0.5)])
    out = capsys.readouterr().out
    assert re.fullmatch(r"4/4 - 0s - \d+[mu]s/step - loss: 0\.5000\n", out)


def test_a_file_hears_of_a_long_epoch_once_a_minute(capsys, clock):
    bar = Progbar(1000, verbose=1)
    for _ in range(600):
        clock.now += 1.0
        bar.add(1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert lines[0] == "  60/1000 - 60s - 1s/step"


def test_an_unknown_target_counts_up(terminal, clock):
    bar = Progbar(None)
    clock.now += 1
    bar.update(3, [("loss", 1.0)])
    assert plain(terminal.getvalue()) == "\r      3/Unknown 1s 333ms/step - loss: 1.0000"


def test_silence_is_silent(terminal):
    bar = Progbar(3, verbose=0)
    bar.update(3, [("loss", 1.0)])
    assert terminal.getvalue() == ""


def test_a_stream_without_the_sign_gets_ascii(terminal):
    terminal.encoding = "ascii"
    Progbar(2, width=4).update(1)
    assert "\x1b[32m==\x1b[0m\x1b[37m--\x1b[0m" in terminal.getvalue()


def test_no_color_is_obeyed(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    Progbar(2, width=4).update(1)
    assert "\x1b" not in terminal.getvalue()
    assert "1/2 ━━──" in terminal.getvalue()


def test_a_program_without_output_goes_on(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    bar = Progbar(1)
    bar.update(1)
    assert bar.target == 1


def test_a_notebook_replaces_one_object(monkeypatch):
    shown = []

    class Handle:
        def update(self, data, raw):
            shown.append(("update", data["text/plain"]))

    def display(data, raw, display_id):
        shown.append(("display", data["text/plain"]))
        return Handle()

    Stream = type("OutStream", (FakeTerminal,), {"__module__": "ipykernel.iostream"})
    monkeypatch.setattr(sys, "stdout", Stream())
    fake = type(sys)("IPython.display")
    fake.display = display
    monkeypatch.setitem(sys.modules, "IPython", type(sys)("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", fake)
    bar = Progbar(2, interval=0)
    bar.update(1)
    bar.update(2)
    assert [kind for kind, _ in shown] == ["display", "update"]
    assert sys.stdout.getvalue() == ""
    assert plain(shown[1][1]).startswith("2/2 ━")


def test_wrong_options_are_refused():
    with pytest.raises(ConfigError, match="expected stateful_metrics or stateless_metrics"):
        Progbar(1, stateful_metrics=[], stateless_metrics=[])
    with pytest.raises(ConfigError, match="verbose must be 0, 1, 2 or 'auto', got 3"):
        Progbar(1, verbose=3)


# ---- ProgbarLogger ----


def fit_like(verbose, epochs=1, steps=3):
    callbacks = CallbackList(ProgbarLogger(), verbose=verbose, epochs=epochs, steps=steps)
    callbacks.on_train_begin()
    for epoch in range(epochs):
        callbacks.on_epoch_begin(epoch)
        for batch in range(3):
            callbacks.on_train_batch_end(batch, {"loss": 1.0})
        callbacks.on_test_begin()
        callbacks.on_test_batch_end(0, {"loss": 9.0})
        callbacks.on_test_end({"loss": 9.0})
        callbacks.on_epoch_end(epoch, {"loss": 1.0, "val_loss": 2.0})
    callbacks.on_train_end()


@pytest.mark.parametrize("verbose", ["auto", 1, 2])
def test_fit_shows_each_epoch_and_no_bar_for_validation(capsys, verbose):
    fit_like(verbose, epochs=2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Epoch 1/2"
    assert lines[2] == "Epoch 2/2"
    assert len(lines) == 4
    assert re.fullmatch(r"3/3 - 0s - .*/step - loss: 1.0000 - val_loss: 2.0000", lines[1])


def test_fit_learns_the_number_of_steps_in_the_first_epoch(capsys):
    fit_like(1, epochs=1, steps=None)
    assert capsys.readouterr().out.startswith("3/3 - ")


def test_fit_with_verbose_0_says_nothing(capsys):
    fit_like(0)
    assert capsys.readouterr().out == ""


def test_evaluate_and_predict_have_bars_of_their_own(capsys):
    callbacks = CallbackList(ProgbarLogger(), verbose=1, epochs=1, steps=2)
    callbacks.on_test_begin()
    callbacks.on_test_batch_end(1, {"loss": 3.0})
    callbacks.on_test_end({"loss": 3.0})
    callbacks.on_predict_begin()
    callbacks.on_predict_batch_end(1, {"outputs": 1})
    callbacks.on_predict_end()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("- loss: 3.0000")
    assert lines[1].startswith("2/2 - ")
    assert "outputs" not in lines[1]
