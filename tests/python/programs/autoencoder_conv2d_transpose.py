"""A convolutional autoencoder takes the noise out of pictures, as in a Keras example."""

import numpy as np

import lamina as keras

layers = keras.layers

keras.utils.set_random_seed(11)
rng = np.random.default_rng(11)
size = 12


def pictures(count):
    """A bright rectangle somewhere."""
    images = np.zeros((count, size, size, 1), "float32")
    for image in images:
        y, x = rng.integers(0, size - 5, 2)
        height, width = rng.integers(3, 6, 2)
        image[y : y + height, x : x + width] = 1
    return images


def noise(array):
    """Adds random noise to each picture."""
    noisy_array = array + 0.4 * rng.normal(size=array.shape)
    return np.clip(noisy_array, 0.0, 1.0).astype("float32")


train_data, test_data = pictures(500), pictures(100)
noisy_train_data, noisy_test_data = noise(train_data), noise(test_data)

inputs = layers.Input(shape=(size, size, 1))
x = layers.Conv2D(16, (3, 3), activation="relu", padding="same")(inputs)
x = layers.MaxPooling2D((2, 2), padding="same")(x)
x = layers.Conv2D(16, (3, 3), activation="relu", padding="same")(x)
x = layers.MaxPooling2D((2, 2), padding="same")(x)
x = layers.Conv2DTranspose(16, (3, 3), strides=2, activation="relu", padding="same")(x)
x = layers.Conv2DTranspose(16, (3, 3), strides=2, activation="relu", padding="same")(x)
x = layers.Conv2D(1, (3, 3), activation="sigmoid", padding="same")(x)
autoencoder = keras.Model(inputs, x)
autoencoder.compile(optimizer=keras.optimizers.Adam(5e-3), loss="binary_crossentropy")
assert autoencoder.output_shape == (None, size, size, 1)
autoencoder.fit(
    x=noisy_train_data,
    y=train_data,
    epochs=12,
    batch_size=32,
    shuffle=True,
    validation_data=(noisy_test_data, test_data),
    verbose=0,
)
predictions = autoencoder.predict(noisy_test_data, verbose=0)
before = np.mean((noisy_test_data - test_data) ** 2)
after = np.mean((predictions - test_data) ** 2)
print("mean squared error before:", before, "after:", after)
assert after < before / 3
