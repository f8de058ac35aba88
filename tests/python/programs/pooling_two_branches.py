"""Pictures and signals told apart by separable convolutions and every kind of pooling."""

import numpy as np

import lamina as keras

layers = keras.layers

keras.utils.set_random_seed(14)
rng = np.random.default_rng(14)
size, steps = 16, 48


def samples(count):
    """A picture with stripes this way or that, and a signal that is slow or fast, in noise."""
    lying, fast = rng.integers(0, 2, (2, count))
    phase = rng.uniform(0, 2 * np.pi, (2, count, 1))
    stripes = np.sin(np.arange(size) * 1.3 + phase[0])
    pictures = np.where(lying[:, None, None], stripes[:, :, None], stripes[:, None, :])
    signals = np.sin(np.arange(steps) * np.where(fast, 1.0, 0.4)[:, None] + phase[1])
    pictures = pictures + rng.normal(0, 0.8, (count, size, size))
    signals = signals + rng.normal(0, 0.8, (count, steps))
    inputs = [array[..., None].astype("float32") for array in (pictures, signals)]
    return inputs, 2 * lying + fast


def picture_branch(inputs):
    """Blocks of separable convolution, normalization by groups and mean pooling."""
    x = layers.Conv2D(8, 3, padding="same", use_bias=False)(inputs)
    for filters in (16, 24):
        x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.GroupNormalization(groups=4)(x)
        x = layers.Activation("relu")(x)
        x = layers.AveragePooling2D(2)(x)
    return layers.concatenate([layers.GlobalMaxPooling2D()(x), layers.GlobalAveragePooling2D()(x)])


def signal_branch(inputs):
    """The same along one axis."""
    x = inputs
    for filters in (16, 24):
        x = layers.SeparableConv1D(filters, 7, padding="same")(x)
        x = layers.GroupNormalization(groups=-1)(x)
        x = layers.Activation("relu")(x)
        x = layers.AveragePooling1D(pool_size=3, strides=2, padding="same")(x)
    return layers.concatenate([layers.GlobalMaxPooling1D()(x), layers.GlobalAveragePooling1D()(x)])


x_train, y_train = samples(800)
x_test, y_test = samples(200)

pictures = keras.Input(shape=(size, size, 1), name="pictures")
signals = keras.Input(shape=(steps, 1), name="signals")
x = layers.concatenate([picture_branch(pictures), signal_branch(signals)])
outputs = layers.Dense(4, activation="softmax")(x)
model = keras.Model([pictures, signals], outputs)
model.compile(
    optimizer=keras.optimizers.Adam(1e-2),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
model.fit(x_train, y_train, batch_size=32, epochs=12, validation_split=0.1, verbose=0)
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print("accuracy:", accuracy)
assert accuracy > 0.9
