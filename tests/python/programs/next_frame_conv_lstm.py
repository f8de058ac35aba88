"""Convolutional LSTMs foretell the next pictures of moving squares, as in a Keras example."""

import numpy as np

import lamina as keras

layers = keras.layers

keras.utils.set_random_seed(13)
rng = np.random.default_rng(13)
frames, size = 8, 12


def videos(count):
    """Squares of 2 to 3 pixels that move by one pixel a frame, each its own way."""
    data = np.zeros((count, frames, size, size, 1), "float32")
    for video in data:
        for _ in range(2):
            place, step = rng.integers(0, size, 2), rng.integers(-1, 2, 2)
            side = rng.integers(2, 4)
            for frame in video:
                rows, columns = [(start + np.arange(side)) % size for start in place]
                frame[np.ix_(rows, columns)] = 1
                place = place + step
    return data


def shifted(data):
    """Each frame, and the one that follows it."""
    return data[:, :-1], data[:, 1:]


x_train, y_train = shifted(videos(200))
x_val, y_val = shifted(videos(40))

inputs = layers.Input(shape=(None, *x_train.shape[2:]))
x = layers.ConvLSTM2D(
    filters=12, kernel_size=(5, 5), padding="same", return_sequences=True, activation="relu"
)(inputs)
x = layers.GroupNormalization(groups=4)(x)
x = layers.ConvLSTM2D(
    filters=12, kernel_size=(3, 3), padding="same", return_sequences=True, activation="relu"
)(x)
x = layers.Conv3D(filters=1, kernel_size=(3, 3, 3), activation="sigmoid", padding="same")(x)
model = keras.models.Model(inputs, x)
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(5e-3))
model.fit(x_train, y_train, batch_size=8, epochs=8, validation_data=(x_val, y_val), verbose=0)

# From the fourth frame on the way of each square has been seen.
foretold = model.predict(x_val, verbose=0)[:, 3:]
standing = np.mean((x_val[:, 3:] - y_val[:, 3:]) ** 2)
error = np.mean((foretold - y_val[:, 3:]) ** 2)
print("mean squared error:", error, "if nothing moved:", standing)
assert error < standing / 3
