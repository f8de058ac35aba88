"""A small convolutional network tells hand-drawn-like figures apart."""

import numpy as np

import lamina as keras

layers = keras.layers

keras.utils.set_random_seed(1)
rng = np.random.default_rng(1)
num_classes, size = 4, 14


def figure(label):
    """A bar, a beam, a box or a cross, somewhere, of some strength, in noise."""
    image = np.zeros((size, size))
    y, x = rng.integers(1, size - 7, 2)
    if label in (0, 3):
        image[y : y + 6, x + 2 : x + 4] = 1
    if label in (1, 3):
        image[y + 2 : y + 4, x : x + 6] = 1
    if label == 2:
        image[y : y + 6, x : x + 6] = 1
        image[y + 1 : y + 5, x + 1 : x + 5] = 0
    return image * rng.uniform(0.6, 1.0) + rng.normal(0, 0.15, image.shape)


y = rng.integers(0, num_classes, 600)
x = np.stack([figure(label) for label in y]).astype("float32")
x = np.expand_dims(x, -1)
y = keras.utils.to_categorical(y, num_classes)
x_train, y_train, x_test, y_test = x[:480], y[:480], x[480:], y[480:]

model = keras.Sequential(
    [
        keras.Input(shape=(size, size, 1)),
        layers.Conv2D(16, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(num_classes, activation="softmax"),
    ]
)
model.summary(print_fn=lambda line: None)
model.compile(
    loss="categorical_crossentropy",
    optimizer=keras.optimizers.Adam(learning_rate=3e-3),
    metrics=["accuracy"],
)
model.fit(x_train, y_train, batch_size=32, epochs=8, validation_split=0.1, verbose=0)
score = model.evaluate(x_test, y_test, verbose=0)
print("Test loss:", score[0])
print("Test accuracy:", score[1])
assert score[1] > 0.9
