"""A convolutional network on Fashion-MNIST: 70,000 photographs of clothes.

apt install dataset-fashion-mnist       (or pass the folder with its four files)
python examples/fashion_mnist_cnn.py [folder]
"""

import sys
import time

import numpy as np

import lamina as keras
from lamina import layers

keras.utils.set_random_seed(0)
folder = sys.argv[1] if len(sys.argv) > 1 else None
(x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data(folder)
x_train, x_test = (x[..., np.newaxis] / np.float32(255) for x in (x_train, x_test))

EPOCHS, BATCH = 5, 64
steps = EPOCHS * -(-len(x_train) // BATCH)

model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.4),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(
    keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
    "sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
start = time.perf_counter()
model.fit(x_train, y_train, epochs=EPOCHS, batch_size=BATCH)
seconds = time.perf_counter() - start

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"Test accuracy {accuracy:.2%} (loss {loss:.3f}) after {EPOCHS} epochs in {seconds:.0f} s")

guesses = model.predict(x_test, verbose=0).argmax(axis=1)
names = keras.datasets.fashion_mnist.CLASSES
for kind, name in enumerate(names):
    chosen = guesses[y_test == kind]
    wrong = np.bincount(chosen[chosen != kind], minlength=10)
    print(f"{name:12s} {np.mean(chosen == kind):6.1%}  mostly taken for {names[wrong.argmax()]}")
