"""What every registered layer keeps, in every configuration of the table in `layer_cases.py`."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import pickle
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import lamina
from lamina import _core, _tree, layers
from lamina.errors import DataError, DtypeError, LaminaError
from lamina.layers import Layer
from lamina.layers.calling import input_tensor
from lamina.layers.lowering import lower
from lamina.models import Model, load_model
from layer_cases import ROWS, TESTED_INSIDE

TOLERANCE = 1e-6
"""The largest relative error of a gradient in float64."""


@pytest.fixture(autouse=True)
def fresh_session():
    lamina.utils.set_random_seed(1)
    lamina.utils.clear_session()
    yield
    lamina.config.set_floatx("float32")
    lamina.config.set_num_threads(None)


def every(rows):
    """Run a test for each of the rows."""
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.label) for row in rows])


class Net:
    """A row's layer as a graph of its own: from all arrays of the row to all outputs."""

    def __init__(self, row, dtype="float32", repeats=1):
        lamina.config.set_floatx(dtype)
        self.layer = row.make()
        self.arrays, self.smooth = [], []
        fixed = getattr(self.layer, "stateful", False)

        def symbolic(value):
            if not isinstance(value, np.ndarray):
                return value
            self.smooth.append(value.dtype.kind == "f")
            self.arrays.append(np.concatenate([value] * repeats).astype(dtype))
            batch = len(self.arrays[-1]) if fixed else None
            return input_tensor((batch, *value.shape[1:]), dtype, f"x{len(self.arrays)}")

        first = _tree.map_leaves(symbolic, row.inputs)
        call = _tree.map_leaves(symbolic, dict(sorted(row.call.items())))
        made = self.layer(first, **call)
        self.outputs = _tree.flatten(made)
        self.inputs = [t for t in _tree.flatten([first, call]) if hasattr(t, "_node")]
        self.shapes = [t.shape for t in self.outputs]
        lowered = lower(self.inputs, self.outputs)
        self.engines = [e for e in lowered.engines if e.weights()]
        self._places = [i for i, e in enumerate(lowered.engines) if e.weights()]
        self._fill()
        self._runner = lowered.runner(5)
        self._start = [[e.get_weight(i) for i in range(len(e.weights()))] for e in self.engines]

    def _fill(self):
        """Random weights: zeros and ones hide mistakes."""
        rng = np.random.default_rng(3)
        for engine in self.engines:
            for index, (name, shape, trainable) in enumerate(engine.weights()):
                if trainable:
                    engine.set_weight(index, rng.uniform(-1, 1, shape).astype(engine.dtype))
                elif "moving" in name or "vector" in name:
                    engine.set_weight(index, rng.uniform(0.5, 1.5, shape).astype(engine.dtype))

    def _rewind(self):
        """The same step of the random numbers, the same states and moving statistics."""
        self._runner.step = 3
        for engine, start in zip(self.engines, self._start, strict=True):
            for index, (_, _, trainable) in enumerate(engine.weights()):
                if not trainable:
                    engine.set_weight(index, start[index])

    def __call__(self, training=False):
        """The outputs for the arrays as they stand now."""
        self._rewind()
        return self._runner.predict(self.arrays, len(self.arrays[0]), training)

    def gradients(self, training=False):
        """The cotangents, and the gradients by inputs and by weights."""
        rng = np.random.default_rng(4)
        cotangents = [rng.uniform(-1, 1, y.shape).astype(y.dtype) for y in self(training)]
        self._rewind()
        _, inputs, weights = self._runner.gradients(self.arrays, cotangents, training)
        return cotangents, inputs, [weights[place] for place in self._places]


# ---- the table itself ----


def test_every_registered_layer_has_rows():
    made = [row.make() for row in ROWS]
    found = {type(layer) for layer in made}
    classes = {c for c in vars(layers).values() if isinstance(c, type) and issubclass(c, Layer)}
    missing = {c.__name__ for c in classes - found} - TESTED_INSIDE
    assert not missing, f"no row in layer_cases.py for {sorted(missing)}"


def test_every_kind_of_the_engine_is_reached():
    reached = {"InputLayer"}
    todo = [row.make() for row in ROWS]
    while todo:
        layer = todo.pop()
        reached.add(layer._kind())
        todo += layer._sublayers()
    assert set(_core.layer_kinds()) <= reached


# ---- configuration, copies, files ----


@every(ROWS)
def test_the_config_makes_the_same_layer(row):
    layer = row.make()
    config = layer.get_config()
    twin = type(layer).from_config(json.loads(json.dumps(config)))
    assert twin.get_config() == config
    assert repr(twin) == repr(layer)
    assert repr(layer).startswith(f"{type(layer).__name__}(")


@every(ROWS)
def test_symbolic_shapes_are_the_real_ones(row):
    for dtype in ("float32", "float64"):
        net = Net(row, dtype)
        for symbolic, real in zip(net.shapes, net(), strict=True):
            assert real.dtype == dtype
            assert len(symbolic) == real.ndim
            assert all(s in (None, r) for s, r in zip(symbolic, real.shape, strict=True))


@every(ROWS)
def test_pickles_and_copies_give_the_same_bits(row):
    net = Net(row)
    expected = called(net.layer, row.inputs, row.call)
    for twin in (pickle.loads(pickle.dumps(net.layer)), copy.deepcopy(net.layer)):
        assert twin is not net.layer
        assert twin.get_config() == net.layer.get_config()
        np.testing.assert_equal(twin.get_weights(), net.layer.get_weights())
        np.testing.assert_equal(called(twin, row.inputs, row.call), expected)


def called(layer, inputs, call):
    """The outputs of an eager call, from the same states."""
    if hasattr(layer, "reset_state"):
        layer.reset_state()
    return _tree.flatten(layer(inputs, **call))


def on_arrays(change, tree):
    """A tree of arrays and options with every array changed."""
    return _tree.map_leaves(lambda x: change(x) if isinstance(x, np.ndarray) else x, tree)


@every(ROWS)
def test_a_saved_model_gives_the_same_bits(row, tmp_path):
    net = Net(row)
    model = Model(net.inputs, net.outputs)
    expected = net()
    net._rewind()
    model.save(tmp_path / "m.lamina")
    loaded = load_model(tmp_path / "m.lamina")
    found = _tree.flatten(loaded.predict_on_batch(net.arrays))
    np.testing.assert_equal(found, expected)


# ---- numbers ----


@every(ROWS)
def test_float32_agrees_with_float64(row):
    for single, double in zip(Net(row, "float32")(), Net(row, "float64")(), strict=True):
        np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-5)


@every([row for row in ROWS if not row.rough])
def test_gradients_are_those_of_central_differences(row):
    net = Net(row, "float64")
    for training in {False, row.training != "same"}:
        wrong = wrong_gradients(net, training)
        assert not wrong, "\n".join(wrong)


def wrong_gradients(net, training):
    cotangents, by_input, by_weight = net.gradients(training)
    wrong = []

    def value():
        return sum((y * c).sum() for y, c in zip(net(training), cotangents, strict=True))

    def compare(what, x, given, put):
        given = np.zeros(x.shape) if given is None else given
        for place in np.ndindex(x.shape):
            kept = x[place]
            eps = 1e-5 * max(1.0, abs(kept))
            both = []
            for moved in (kept + eps, kept - eps):
                x[place] = moved
                put()
                both.append(value())
            x[place] = kept
            put()
            numeric = (both[0] - both[1]) / (2 * eps)
            scale = max(1.0, abs(numeric), abs(given[place]))
            if not abs(given[place] - numeric) <= TOLERANCE * scale:
                wrong.append(f"{what}{list(place)}: {given[place]}, by differences {numeric}")

    for index, x in enumerate(net.arrays):
        if net.smooth[index]:
            compare(f"input {index}", x, by_input[index], lambda: None)
    for engine, grads in zip(net.engines, by_weight, strict=True):
        for index, (name, _, trainable) in enumerate(engine.weights()):
            if trainable:
                w = engine.get_weight(index).copy()

                def put(engine=engine, index=index, w=w):
                    engine.set_weight(index, w)

                compare(name, w, grads[index], put)
    return wrong


@every(ROWS)
def test_training_differs_from_inference_only_where_the_table_says(row):
    net = Net(row)
    before = net.layer.get_weights()
    predicted, trained = net(False), net(True)
    same = all(np.array_equal(a, b) for a, b in zip(predicted, trained, strict=True))
    assert same == (row.training in ("same", "state"))
    np.testing.assert_equal(net(True), trained)  # the same step draws the same numbers
    moved = not all(map(np.array_equal, before, net.layer.get_weights()))
    if not getattr(net.layer, "stateful", False):
        assert moved == (row.training in ("statistics", "state"))
    if row.training == "random":
        net._runner.step = 4
        other = net._runner.predict(net.arrays, len(net.arrays[0]), True)
        assert not np.array_equal(other[0], trained[0])


@every([row for row in ROWS if not getattr(row.make(), "stateful", False)])
def test_one_sample_alone_gives_what_it_gives_in_a_batch(row):
    net = Net(row, "float64")
    together = net()
    whole = net.arrays
    for sample in range(len(whole[0])):
        net.arrays = [np.ascontiguousarray(x[sample : sample + 1]) for x in whole]
        for alone, all_of_them in zip(net(), together, strict=True):
            np.testing.assert_allclose(alone[0], all_of_them[sample], rtol=1e-12, atol=1e-13)


# ---- threads and instruction sets ----


def everything(row, dtype="float32", repeats=1):
    """All numbers a layer gives: outputs, gradients, states, in both modes."""
    found = []
    net = Net(row, dtype, repeats)
    for training in (False, True):
        found += net(training)
        found += net.layer.get_weights()
        _, by_input, by_weight = net.gradients(training)
        found += [g for g in by_input if g is not None]
        found += [g for grads in by_weight for g in grads if g is not None]
    return found


@every(ROWS)
def test_any_number_of_threads_gives_the_same_bits(row):
    size = sum(x.size for x in _tree.flatten(row.inputs))
    repeats = max(1, 20_000 // size)
    found = []
    for threads in (1, 2, 3, 8):
        lamina.config.set_num_threads(threads)
        found.append(everything(row, repeats=repeats))
    for other in found[1:]:
        np.testing.assert_equal(other, found[0])


@cache
def levels():
    """The instruction sets this machine has, and what every row gives in each: one process each."""
    found = {}
    here = Path(__file__).parent
    for level in ("scalar", "avx2", "avx512", "neon"):
        path = [str(here), *sys.path]
        run = subprocess.run(
            [sys.executable, str(here / "test_layer_contract.py")],
            env=os.environ | {"LAMINA_ISA": level, "PYTHONPATH": os.pathsep.join(path)},
            capture_output=True,
            check=False,
        )
        if run.returncode == 0:
            found[level] = pickle.loads(run.stdout)
        else:
            assert b"LAMINA_ISA" in run.stderr, run.stderr.decode()
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_instruction_set_gives_the_same_numbers(dtype):
    assert _core.isa() in levels()
    digits = {"float32": 2e-5, "float64": 1e-12}[dtype]
    wrong = []
    for number, row in enumerate(ROWS):
        plain = levels()["scalar"][dtype][number]
        for level, results in levels().items():
            for index, (a, b) in enumerate(zip(plain, results[dtype][number], strict=True)):
                scale = max(1.0, np.abs(a).max(initial=0.0))
                error = np.abs(a - b).max(initial=0.0) / scale
                if not error <= digits:
                    wrong.append(f"{row.label}: array {index} is off by {error:.1e} in {level}")
    assert not wrong, "\n".join(wrong)


# ---- what users hand over ----


def unaligned(x):
    """A copy that begins at an odd address."""
    raw = np.empty(x.nbytes + 1, np.uint8)
    view = raw[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def read_only(x):
    """A copy that refuses writing."""
    copied = x.copy()
    copied.setflags(write=False)
    return copied


FORMS = {
    "Fortran order": ("float32", np.asfortranarray),
    "gaps": ("float32", lambda x: np.repeat(x, 2, axis=-1)[..., ::2]),
    "backwards": ("float32", lambda x: x[::-1].copy()[::-1]),
    "the other byte order": ("float32", lambda x: x.astype(x.dtype.newbyteorder())),
    "read-only": ("float32", read_only),
    "unaligned": ("float32", unaligned),
    "objects that are numbers": ("float32", lambda x: x.astype(object)),
    "nested lists": ("float32", lambda x: x.tolist()),
    "float16": ("float16", lambda x: x.astype("float32")),
    "float64": ("float32", lambda x: x.astype("float64")),
    "integers": ("int64", lambda x: x.astype("float32")),
    "bool": ("bool", lambda x: x.astype("float32")),
}
"""The type of the usual array, and what is done to it without changing its numbers."""


@every(ROWS)
def test_every_form_of_an_array_gives_the_same_numbers(row):
    layer = Net(row).layer
    several = any(isinstance(value, list) for value in [row.inputs, *row.call.values()])
    for form, (kind, change) in FORMS.items():
        if form == "nested lists" and several:
            continue  # a list of several inputs as lists would be one list of numbers
        usual = on_arrays(lambda x, kind=kind: x.astype(kind), [row.inputs, row.call])
        changed = on_arrays(change, usual)
        expected = called(layer, *usual)
        found = called(layer, *changed)
        np.testing.assert_equal(found, expected, err_msg=form)


@every(ROWS)
def test_no_samples_are_refused(row):
    layer = row.make()
    inputs, call = on_arrays(lambda x: x[:0], [row.inputs, row.call])
    text = f'{type(layer).__name__} "{layer.name}": expected at least one sample, got none'
    with pytest.raises(DataError, match=text):
        layer(inputs, **call)


@every(ROWS)
def test_an_empty_axis_works_or_is_refused(row):
    layer = row.make()
    inputs, call = on_arrays(lambda x: x[:, :0] if x.ndim > 1 else x, [row.inputs, row.call])
    with contextlib.suppress(LaminaError):
        for array in _tree.flatten(layer(inputs, **call)):
            assert isinstance(array, np.ndarray)


@every(ROWS)
def test_what_holds_no_numbers_is_refused(row):
    layer = row.make()
    for change in (lambda x: np.full(x.shape, None), lambda x: np.full(x.shape, "a")):
        inputs, call = on_arrays(change, [row.inputs, row.call])
        with pytest.raises(
            DtypeError, match=f'{type(layer).__name__} "{layer.name}": expected num'
        ):
            layer(inputs, **call)


if __name__ == "__main__":
    results = {dtype: [everything(row, dtype) for row in ROWS] for dtype in ("float32", "float64")}
    sys.stdout.buffer.write(pickle.dumps(results))
