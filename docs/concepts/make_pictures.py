"""Make the pictures of the concept pages: `python docs/concepts/make_pictures.py`."""

from pathlib import Path

import numpy as np

import lamina as keras
from lamina import layers
from lamina.utils import Picture, image_grid, line_chart, plot_model

FOLDER = Path(__file__).parent / "pictures"


def layer() -> Picture:
    """Three circles, two circles, six lines."""
    left = [(70, 40 + 60 * i) for i in range(3)]
    right = [(250, 70 + 60 * i) for i in range(2)]
    parts = [
        f"<line x1='{a}' y1='{b}' x2='{c}' y2='{d}' stroke='#1f77b4'/>"
        for a, b in left
        for c, d in right
    ]
    for names, places, fill in (("x", left, "#eee"), ("y", right, "#ffd9b3")):
        for i, (x, y) in enumerate(places, 1):
            parts.append(f"<circle cx='{x}' cy='{y}' r='18' fill='{fill}' stroke='#444'/>")
            parts.append(f"<text x='{x}' y='{y + 4}' text-anchor='middle'>{names}{i}</text>")
    parts.append("<text x='160' y='26' text-anchor='middle'>W: 3 x 2 weights</text>")
    return Picture(320, 200, "".join(parts))


def activation() -> Picture:
    """Curves."""
    x = np.linspace(-4, 2, 61, dtype=np.float32)
    names = ("relu", "sigmoid", "tanh", "gelu")
    lines = {name: (x.tolist(), keras.activations.get(name)(x).tolist()) for name in names}
    return line_chart(lines)


def training() -> Picture:
    """Steps down the parabola w * w, with three learning rates."""
    lines = {}
    for rate in (0.05, 0.3, 0.98):
        weights = [1.0]
        for _ in range(12):
            weights.append(weights[-1] - rate * 2 * weights[-1])
        steps = list(range(len(weights)))
        lines[f"learning rate {rate}"] = (steps, weights)
    return line_chart(lines, "w going down w * w, from w = 1", "step")


def digits(hidden: list, epochs: int, rows: int, rate: float, wrong: float = 0) -> dict:
    """What `fit` says of a network with these hidden layers; some labels may be wrong."""
    keras.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = keras.datasets.digits.load_data(seed=0)
    x, x_test = (part.reshape(-1, 64) / np.float32(16) for part in (x, x_test))
    net = keras.Sequential([keras.Input((64,)), *hidden, layers.Dense(10, "softmax")])
    net.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    held_out = (x_test, y_test)
    y[: int(wrong * rows)] = np.arange(int(wrong * rows)) % 10
    fitted = net.fit(x[:rows], y[:rows], 32, epochs, 0, validation_data=held_out)
    return fitted.history


def normalization() -> Picture:
    """The loss of a network of eight hidden layers."""
    with_it = [part for _ in range(8) for part in (layers.Dense(32), *_norm())]
    without = [layers.Dense(32, "sigmoid") for _ in range(8)]
    lines = {}
    for name, hidden in (("without", without), ("with BatchNormalization", with_it)):
        losses = digits(hidden, 15, 1000, 3e-3)["loss"]
        lines[name] = (list(range(1, len(losses) + 1)), losses)
    return line_chart(lines, "loss, eight hidden sigmoid layers", "epoch")


def _norm() -> tuple:
    return layers.BatchNormalization(), layers.Activation("sigmoid")


def dropout() -> Picture:
    """The loss on digits that were held out, when a fifth of 500 labels is wrong."""
    lines = {}
    for name, rate in (("without", 0.0), ("with Dropout(0.5)", 0.5)):
        hidden = [
            part for _ in range(2) for part in (layers.Dense(256, "relu"), layers.Dropout(rate))
        ]
        losses = digits(hidden, 40, 500, 1e-3, wrong=0.2)["val_loss"]
        lines[name] = (list(range(1, len(losses) + 1)), losses)
    return line_chart(lines, "loss on held-out digits, a fifth of the labels wrong", "epoch")


def convolution() -> Picture:
    """A digit, and the answers of two kernels for edges."""
    (images, _), _ = keras.datasets.digits.load_data(seed=0)
    x = images[:1, :, :, None].astype(np.float32)
    edge = np.array([[1, 0, -1]] * 3, np.float32)
    conv = layers.Conv2D(2, 3, padding="same", use_bias=False)
    conv.build(x.shape)
    conv.set_weights([np.stack([edge, edge.T], -1)[:, :, None]])
    answers = conv(x)[0]
    shown = [x[0, :, :, 0], answers[:, :, 0], answers[:, :, 1]]
    return image_grid(shown, ["a digit", "left edges", "upper edges"], columns=3, size=96)


def recurrence() -> Picture:
    """A wave of two tones, and how a GRU goes on with it by itself."""
    keras.utils.set_random_seed(0)
    time = np.arange(700, dtype=np.float32)
    wave = (np.sin(time * 0.2) + 0.5 * np.sin(time * 0.47)).astype(np.float32)[:, None]
    windows = np.stack([wave[i : i + 40] for i in range(600)])
    net = keras.Sequential([keras.Input((40, 1)), layers.GRU(32), layers.Dense(1)])
    net.compile(keras.optimizers.Adam(5e-3), "mse")
    net.fit(windows, wave[40:640], epochs=30, verbose=0)
    seen = wave[600:640].copy()
    for _ in range(60):
        seen = np.concatenate([seen, net.predict_on_batch(seen[None, -40:])])
    steps = list(range(100))
    lines = {"true": (steps, wave[600:700, 0].tolist()), "GRU": (steps[40:], seen[40:, 0].tolist())}
    return line_chart(lines, "a wave, and a GRU going on from step 40", "step")


def main() -> None:
    """All of them."""
    FOLDER.mkdir(exist_ok=True)
    for make in (layer, activation, training, normalization, convolution, recurrence, dropout):
        make().save(FOLDER / f"{make.__name__}.svg")
    inputs = keras.Input((64,), name="pixels")
    hidden = layers.Dense(32, activation="relu", name="hidden")(inputs)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax", name="digit")(hidden))
    plot_model(model, FOLDER / "network.svg", show_shapes=True)


if __name__ == "__main__":
    main()
