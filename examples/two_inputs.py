"""A model with two inputs and two outputs, built from calls of layers.

It sees a handwritten digit as two halves, reads both with the same (shared) layers, and says which
digit it is and whether the digit is odd.

python examples/two_inputs.py
"""

import time

import numpy as np

import lamina as keras
from lamina import layers

keras.utils.set_random_seed(0)
(x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data()


def halves(images):
    """The upper and the lower four rows, upside down, so that both end in the middle."""
    pixels = images[..., np.newaxis] / np.float32(16)
    return {"upper": pixels[:, :4], "lower": pixels[:, :3:-1]}


def answers(digits):
    return {"digit": digits, "odd": digits % 2}


upper = keras.Input((4, 8, 1), name="upper")
lower = keras.Input((4, 8, 1), name="lower")
read = keras.Sequential(
    [
        keras.Input((4, 8, 1)),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.Flatten(),
    ],
    name="read",
)
both = layers.Concatenate()([read(upper), read(lower)])
hidden = layers.Dropout(0.4)(layers.Dense(64, activation="relu")(both))
model = keras.Model(
    inputs={"upper": upper, "lower": lower},
    outputs={
        "digit": layers.Dense(10, activation="softmax", name="digit")(hidden),
        "odd": layers.Dense(1, activation="sigmoid", name="odd")(hidden),
    },
)
model.summary()
model.compile(
    "adam",
    loss={"digit": "sparse_categorical_crossentropy", "odd": "binary_crossentropy"},
    loss_weights={"digit": 1.0, "odd": 0.5},
    metrics={"digit": ["accuracy"], "odd": ["accuracy"]},
)
start = time.perf_counter()
model.fit(halves(x_train), answers(y_train), epochs=20, verbose=0)
seconds = time.perf_counter() - start

results = model.evaluate(halves(x_test), answers(y_test), verbose=0, return_dict=True)
print(f"digit right: {results['digit_accuracy']:.2%}")
print(f"odd or even right: {results['odd_accuracy']:.2%}")
print(f"20 epochs in {seconds:.1f} s")
