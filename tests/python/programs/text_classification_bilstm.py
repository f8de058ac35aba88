"""A bidirectional LSTM reads sentences of different lengths: does the second mood word count?"""

import numpy as np

import lamina as keras

layers = keras.layers

keras.utils.set_random_seed(2)
rng = np.random.default_rng(2)
max_features, maxlen = 30, 16
GOOD, BAD, NOT = 1, 2, 3  # 0 is padding


def review():
    """Words without meaning, one of mood, which a NOT before it turns round."""
    words = list(rng.integers(4, max_features, rng.integers(4, maxlen - 2)))
    good, turned = rng.integers(0, 2, 2)
    mood = [GOOD if good else BAD]
    at = rng.integers(0, len(words) + 1)
    words[at:at] = [NOT, *mood] if turned else mood
    return words, int(good != turned)


reviews, labels = zip(*(review() for _ in range(900)), strict=True)
x = keras.utils.pad_sequences(reviews, maxlen=maxlen)
y = np.array(labels)
x_train, y_train, x_val, y_val = x[:750], y[:750], x[750:], y[750:]

inputs = keras.Input(shape=(None,), dtype="int32")
x = layers.Embedding(max_features, 16, mask_zero=True)(inputs)
x = layers.Bidirectional(layers.LSTM(16, return_sequences=True))(x)
x = layers.Bidirectional(layers.LSTM(16))(x)
outputs = layers.Dense(1, activation="sigmoid")(x)
model = keras.Model(inputs, outputs)
model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
stop = keras.callbacks.EarlyStopping("val_accuracy", patience=4, restore_best_weights=True)
history = model.fit(
    x_train,
    y_train,
    batch_size=32,
    epochs=12,
    validation_data=(x_val, y_val),
    callbacks=[stop],
    verbose=0,
)
print("best validation accuracy:", max(history.history["val_accuracy"]))
assert max(history.history["val_accuracy"]) > 0.95
