"""Pictures: learning curves, image grids, tables, models."""

from __future__ import annotations

import base64
import re
import struct
import xml.etree.ElementTree as ElementTree
import zlib
from types import SimpleNamespace

import numpy as np
import pytest

from lamina.callbacks import History
from lamina.errors import ConfigError, DataError, ShapeError
from lamina.utils import heat_map, image_grid, line_chart, plot_model
from lamina.utils.layered_drawing import Box, draw_layers
from lamina.utils.line_chart import ticks

SVG = "{http://www.w3.org/2000/svg}"


def parse(picture):
    """The picture as XML: it must be well-formed."""
    return ElementTree.fromstring(picture.svg())


def words(picture):
    return [element.text for element in parse(picture).iter(f"{SVG}text")]


def history(**numbers):
    made = History()
    made.set_model(SimpleNamespace())
    made.on_train_begin()
    count = max(map(len, numbers.values()))
    for epoch in range(count):
        made.on_epoch_end(
            epoch, {name: values[epoch] for name, values in numbers.items() if epoch < len(values)}
        )
    return made


# ---- History.plot ----


def test_a_history_has_a_panel_for_each_metric_with_its_validation():
    made = history(loss=[2, 1], val_loss=[3, 2], accuracy=[0.5, 0.6], learning_rate=[0.1, 0.1])
    picture = made.plot()
    assert [word for word in words(picture) if word in ("loss", "accuracy", "learning_rate")].count(
        "loss"
    ) == 2, "the title of its panel and a line of its legend"
    assert "val_loss" in words(picture)
    assert "learning_rate" not in words(picture)
    assert picture.width == 2 * 480
    assert made.plot(metrics=["learning_rate"]).width == 480
    assert picture._repr_svg_() == picture.svg()


def test_a_history_is_saved_as_svg_without_further_packages(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    made = history(loss=[2, 1])
    made.plot(tmp_path / "curve.svg")
    assert ElementTree.parse(tmp_path / "curve.svg").getroot().tag == f"{SVG}svg"
    with pytest.raises(ConfigError, match=r"needs matplotlib. Install it .*or let the name end in"):
        made.plot(tmp_path / "curve.png")


def test_a_history_is_saved_as_png_by_matplotlib(tmp_path):
    pytest.importorskip("matplotlib")
    history(loss=[2, 1], val_loss=[1, 2], mae=[1, 1]).plot(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_numbers_of_some_epochs_only_stand_at_these_epochs():
    made = History()
    made.set_model(SimpleNamespace())
    for epoch in range(4):
        made.on_epoch_end(epoch, {"loss": 1.0} | ({"val_loss": 2.0} if epoch % 2 else {}))
    lines = made._panels(None)["loss"]
    assert lines == {"loss": ([1, 2, 3, 4], [1.0] * 4), "val_loss": ([2, 4], [2.0] * 2)}


def test_an_empty_history_or_an_unknown_metric_is_refused():
    with pytest.raises(DataError, match="no epoch is over yet"):
        History().plot()
    with pytest.raises(ConfigError, match="expected metrics among loss, got 'mae'"):
        history(loss=[1]).plot(metrics=["mae"])


# ---- line_chart ----


def test_a_line_goes_through_its_points():
    picture = line_chart({"a": ([0, 1, 2], [0, 10, 0])}, width=200, height=100)
    path = next(e.get("d") for e in parse(picture).iter(f"{SVG}path") if e.get("stroke-width"))
    points = [tuple(map(float, pair.split())) for pair in re.split("[ML]", path)[1:]]
    assert [x for x, _ in points] == [58.0, 121.0, 184.0]
    assert points[0][1] == points[2][1] > points[1][1]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_none_leaves_a_gap(bad):
    picture = line_chart({"a": ([0, 1, 2, 3], [1.0, bad, 2.0, 3.0])})
    path = next(e.get("d") for e in parse(picture).iter(f"{SVG}path") if e.get("stroke-width"))
    assert (path.count("M"), path.count("L")) == (2, 1)
    assert len(list(parse(picture).iter(f"{SVG}circle"))) == 1, "the lonely point is a dot"


@pytest.mark.parametrize(
    "lines",
    [{}, {"a": ([], [])}, {"a": ([1], [5])}, {"a": ([1, 2], [0, 0])}, {"a": ([1], [float("nan")])}],
)
def test_a_chart_of_almost_nothing_is_still_a_chart(lines):
    assert parse(line_chart(lines)).tag == f"{SVG}svg"


def test_names_cannot_break_the_file():
    assert "<&'\">" in words(line_chart({"<&'\">": ([1, 2], [1, 2]), "b": ([1], [1])}))


@pytest.mark.parametrize(
    ("values", "whole", "expected"),
    [
        ([0, 1], False, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        ([0.13, 0.38], False, [0.15, 0.2, 0.25, 0.3, 0.35]),
        ([1, 3], True, [1, 2, 3]),
        ([1, 20], True, [5, 10, 15, 20]),
        ([-1e6, 1e6], False, [-1e6, -5e5, 0, 5e5, 1e6]),
        ([4, 4], False, [4]),
        ([], False, [0, 0.2, 0.4, 0.6, 0.8, 1]),
    ],
)
def test_ticks_are_round_numbers(values, whole, expected):
    assert ticks(values, whole) == expected


# ---- image_grid and heat_map ----


def pixels(picture, index):
    """The pixels of an embedded PNG, one for each dot of the image."""
    image = list(parse(picture).iter(f"{SVG}image"))[index]
    data = base64.b64decode(image.get("href").split(",")[1])
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at, chunks = 8, {}
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(
            kind + body
        )
        chunks[kind] = body
        at += 12 + length
    width, height, depth, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert depth == 8
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape((height, width, 3) if colour == 2 else (height, width))


def test_a_grid_shows_each_image_from_black_to_white():
    images = np.array([[[0.0, 1.0], [2.0, 4.0]], [[7.0, 7.0], [7.0, 7.0]]])
    picture = image_grid(images, titles=["a", "b"], size=4)
    assert words(picture) == ["a", "b"]
    dots = pixels(picture, 0)
    assert dots.shape == (4, 4)
    assert dots[::2, ::2].tolist() == [[0, 64], [128, 255]]
    assert (dots == dots[::2, ::2].repeat(2, 0).repeat(2, 1)).all(), "dots are squares"
    assert not pixels(picture, 1).any()


def test_a_grid_shows_colours_and_survives_nan():
    colours = np.zeros((1, 2, 2, 3))
    colours[0, 0, 0] = [1, 0.5, 0]
    assert pixels(image_grid(colours, size=2), 0)[0, 0].tolist() == [255, 128, 0]
    assert pixels(image_grid([[[np.nan, 1.0]]], size=2), 0).tolist() == [[0, 255]]
    with pytest.raises(ShapeError, match=r"expected images of shape .* got \(2, 2\)"):
        image_grid(np.zeros((2, 2)))


def test_a_heat_map_writes_its_numbers():
    picture = heat_map([[5, 0], [1, 4]], title="confusion", rows=["cat", "dog"])
    assert words(picture) == ["confusion", None, None, "0", "1", "cat", "dog", "5", "1", "4"]
    with pytest.raises(ShapeError, match="expected a table"):
        heat_map([1, 2, 3])


# ---- boxes and arrows ----


def rectangles(picture):
    found = [e for e in parse(picture).iter(f"{SVG}rect") if e.get("rx")]
    return [tuple(float(e.get(k)) for k in ("x", "y", "width", "height")) for e in found]


def test_boxes_never_overlap_and_stay_in_the_picture():
    boxes = [Box("Input"), Box("Input"), Box("Dense", ["(None, 4)"], [0]), Box("Dense", [], [1])]
    boxes += [Box("Concatenate", [], [2, 3]), Box("Add", [], [4, 0]), Box("Out", [], [5])]
    for across in (False, True):
        picture = draw_layers(boxes, across)
        drawn = rectangles(picture)
        assert len(drawn) == len(boxes)
        for k, (x, y, wide, tall) in enumerate(drawn):
            assert x >= 0
            assert y >= 0
            assert x + wide <= picture.width + 1
            assert y + tall <= picture.height + 1
            for u, v, other_wide, other_tall in drawn[:k]:
                apart = x >= u + other_wide or u >= x + wide or y >= v + other_tall or v >= y + tall
                assert apart


def test_every_arrow_points_forward_and_long_ones_bend():
    boxes = [Box("a"), Box("b", [], [0]), Box("c", [], [1]), Box("d", [], [2, 0])]
    arrows = [
        e.get("d") for e in parse(draw_layers(boxes)).iter(f"{SVG}path") if e.get("marker-end")
    ]
    assert len(arrows) == 4
    heights = [[float(pair.split()[1]) for pair in re.split("[ML]", d)[1:]] for d in arrows]
    assert all(h == sorted(h) for h in heights)
    assert sorted(map(len, heights)) == [2, 2, 2, 6]


# ---- plot_model ----


class FakeLayer:
    def __init__(self, name, **attributes):
        self.name = name
        self.trainable = True
        self.weights = []
        self.__dict__.update(attributes)


class Dense(FakeLayer):
    pass


class InputLayer(FakeLayer):
    pass


class Inner(FakeLayer):
    pass


def call(layer, inputs, shape, inner=()):
    node = SimpleNamespace(layer=layer, inputs=list(inputs), inner=list(inner))
    node.outputs = [SimpleNamespace(shape=shape, dtype="float32", _node=node)]
    return node.outputs[0]


def two_layer_model():
    x = call(InputLayer("x"), [], (None, 4))
    hidden = call(Dense("a", activation="relu", weights=[1]), [x], (None, 3))
    y = call(Dense("b", trainable=False, weights=[1]), [hidden], (None, 2))
    return SimpleNamespace(built=True, inputs=[x], outputs=[y], hidden=hidden)


def test_a_model_is_drawn_with_what_was_asked_for(tmp_path):
    model = two_layer_model()
    assert words(plot_model(model, None)) == ["InputLayer", "Dense", "Dense"]
    picture = plot_model(
        model,
        tmp_path / "model.svg",
        show_shapes=True,
        show_dtype=True,
        show_layer_names=True,
        show_layer_activations=True,
        show_trainable=True,
    )
    assert words(picture)[4:] == [
        *("Dense", "a", "activation: relu", "in: (None, 4)", "out: (None, 3)"),
        *("dtype: float32", "trainable"),
        *("Dense", "b", "in: (None, 3)", "out: (None, 2)", "dtype: float32", "frozen"),
    ]
    assert (tmp_path / "model.svg").read_text() == picture.svg()


def test_a_model_inside_is_one_box_or_all_its_layers():
    model = two_layer_model()
    whole = call(Inner("inside"), model.inputs, (None, 2), inner=model.outputs)
    outer = SimpleNamespace(built=True, inputs=model.inputs, outputs=[whole])
    assert words(plot_model(outer, None)) == ["InputLayer", "Inner"]
    assert words(plot_model(outer, None, expand_nested=True)) == ["InputLayer", "Dense", "Dense"]


def test_a_model_of_thousands_of_layers_is_drawn():
    tensor = call(InputLayer("x"), [], (None, 1))
    inputs = [tensor]
    for _ in range(3000):
        tensor = call(Dense("d"), [tensor], (None, 1))
    picture = plot_model(SimpleNamespace(built=True, inputs=inputs, outputs=[tensor]), None)
    assert len(rectangles(picture)) == 3001


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ConfigError, match="expected a file name that ends in .svg, got 'm.png'"):
        plot_model(two_layer_model(), "m.png")
    with pytest.raises(ConfigError, match="rankdir must be 'TB' or 'LR', got 'BT'"):
        plot_model(two_layer_model(), None, rankdir="BT")
    with pytest.raises(ConfigError, match="the model is not built yet"):
        plot_model(SimpleNamespace(built=False), None)
