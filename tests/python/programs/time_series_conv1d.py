"""A one-dimensional convolutional network tells kinds of signals apart, wherever the sign is."""

import numpy as np

import lamina as keras

layers = keras.layers

keras.utils.set_random_seed(10)
rng = np.random.default_rng(10)
num_classes, steps = 3, 60


def make_series(count):
    """Noise with a saw, a wave or a step in it, at any place."""
    y = rng.integers(0, num_classes, count)
    x = rng.normal(0, 0.3, (count, steps))
    shapes = [np.linspace(-1, 1, 20), np.sin(np.linspace(0, 4 * np.pi, 20)), np.repeat([1, -1], 10)]
    for row, label in zip(x, y, strict=True):
        at = rng.integers(0, steps - 20)
        row[at : at + 20] += 1.5 * shapes[label]
    return x[..., np.newaxis].astype("float32"), y


x_train, y_train = make_series(600)
x_test, y_test = make_series(200)


def make_model(input_shape):
    """Three blocks of strided convolution, normalization and activation."""
    input_layer = keras.layers.Input(input_shape)
    x = input_layer
    for filters in (16, 32, 32):
        x = layers.Conv1D(filters, kernel_size=3, strides=2, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.ReLU()(x)
    flat = layers.Flatten()(x)
    output_layer = layers.Dense(num_classes, activation="softmax")(flat)
    return keras.models.Model(inputs=input_layer, outputs=output_layer)


model = make_model(x_train.shape[1:])
model.compile(
    optimizer=keras.optimizers.Adam(5e-3),
    loss="sparse_categorical_crossentropy",
    metrics=["sparse_categorical_accuracy"],
)
callbacks = [
    keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=5, min_lr=1e-4),
    keras.callbacks.EarlyStopping(monitor="val_loss", patience=10, restore_best_weights=True),
]
model.fit(
    x_train,
    y_train,
    batch_size=32,
    epochs=15,
    callbacks=callbacks,
    validation_split=0.2,
    verbose=0,
)
test_loss, test_acc = model.evaluate(x_test, y_test, verbose=0)
print("Test accuracy", test_acc)
assert test_acc > 0.85
