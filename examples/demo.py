"""Train a small convolutional network on real handwritten digits, and look at what it learned.

`make demo` runs this. Pictures and the model go to the folder demo/.
"""

import time
from pathlib import Path

import numpy as np

import lamina as keras
from lamina import layers

FOLDER = Path("demo")

keras.utils.set_random_seed(0)
FOLDER.mkdir(exist_ok=True)

# 1,797 digits of 8 x 8 pixels with values 0 to 16; a quarter is held out.
(x_train, y_train), (x_test, y_test) = keras.datasets.digits.load_data(seed=0)
x_train, x_test = (x[..., np.newaxis] / np.float32(16) for x in (x_train, x_test))

model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(2),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ]
)
model.summary()
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])

start = time.perf_counter()
history = model.fit(x_train, y_train, epochs=15, batch_size=32, validation_data=(x_test, y_test))
seconds = time.perf_counter() - start

guesses = model.predict(x_test, verbose=0).argmax(axis=1)
confusion = np.zeros((10, 10), int)
np.add.at(confusion, (y_test, guesses), 1)
print("\nTrue digit (row) against guess (column):\n")
print("     " + " ".join(f"{digit:3d}" for digit in range(10)))
for digit, row in enumerate(confusion):
    print(f"{digit:3d}  " + " ".join(f"{count:3d}" if count else "  ." for count in row))

model.save(FOLDER / "digits.lamina")
restored = keras.models.load_model(FOLDER / "digits.lamina")
same = np.array_equal(model.predict(x_test, verbose=0), restored.predict(x_test, verbose=0))

history.plot(FOLDER / "learning_curve.svg")
kernels = model.layers[0].get_weights()[0]  # (height, width, channels, filters)
keras.utils.image_grid(kernels[:, :, 0].transpose(2, 0, 1), columns=8, title="Filters").save(
    FOLDER / "filters.svg"
)
keras.utils.heat_map(confusion, title="Digits", row_title="true digit", column_title="guess").save(
    FOLDER / "confusion.svg"
)
keras.utils.plot_model(model, FOLDER / "model.svg", show_shapes=True)

print(f"\nTest accuracy: {np.mean(guesses == y_test):.2%} of {len(y_test)} digits never seen")
print(f"Training took {seconds:.1f} s with {keras.config.num_threads()} threads")
print(f"The saved model gives the same numbers after loading: {same}")
print("Pictures: " + ", ".join(sorted(str(path) for path in FOLDER.glob("*.svg"))))
