"""A table with one fraud in thirty rows: class weights make the network look for it."""

import numpy as np

import lamina as keras

layers = keras.layers

keras.utils.set_random_seed(6)
rng = np.random.default_rng(6)
rows, columns = 3000, 8
targets = (rng.random((rows, 1)) < 1 / 30).astype("uint8")
features = rng.normal(10.0, 3.0, size=(rows, columns)).astype("float32")
features[:, :3] += 6.0 * targets * np.array([1.5, -1.5, 1.0])

num_val_samples = rows // 4
train_features, val_features = features[:-num_val_samples], features[-num_val_samples:]
train_targets, val_targets = targets[:-num_val_samples], targets[-num_val_samples:]
counts = np.bincount(train_targets[:, 0])
weight_for_0, weight_for_1 = 1.0 / counts[0], 1.0 / counts[1]
mean, std = np.mean(train_features, axis=0), np.std(train_features, axis=0)
train_features, val_features = (train_features - mean) / std, (val_features - mean) / std

model = keras.Sequential(
    [
        keras.Input(shape=train_features.shape[1:]),
        layers.Dense(32, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(32, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="binary_crossentropy")
model.fit(
    train_features,
    train_targets,
    batch_size=256,
    epochs=12,
    verbose=0,
    validation_data=(val_features, val_targets),
    class_weight={0: weight_for_0 * rows, 1: weight_for_1 * rows},
)
found = model.predict(val_features, verbose=0)[:, 0] > 0.5
fraud = val_targets[:, 0] == 1
recall, false_alarms = found[fraud].mean(), found[~fraud].mean()
print("found:", recall, "false alarms:", false_alarms)
assert recall > 0.8
assert false_alarms < 0.15
