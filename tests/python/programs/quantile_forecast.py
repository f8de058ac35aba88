"""A forecast with its range: three quantiles of tomorrow from the last week."""

import numpy as np

import lamina as keras

layers = keras.layers

keras.utils.set_random_seed(9)
rng = np.random.default_rng(9)
days = np.arange(1200)
spread = 0.1 + 0.3 * (days % 7 >= 5)  # weekends are hard to tell
demand = np.sin(2 * np.pi * days / 7) + rng.normal(0, 1, len(days)) * spread
data = np.stack([demand, np.sin(2 * np.pi * days / 7), np.cos(2 * np.pi * days / 7)], -1)
data = data.astype("float32")
past = 14
train = keras.utils.timeseries_dataset_from_array(
    data[:-past], demand[past:], past, batch_size=32, end_index=1000, shuffle=True, seed=9
)
test = keras.utils.timeseries_dataset_from_array(
    data[:-past], demand[past:], past, batch_size=32, start_index=1000
)

inputs = keras.Input(shape=(past, 3))
x = layers.GRU(24)(inputs)
outputs = {
    name: layers.Dense(1, name=name)(layers.Dense(16, activation="relu")(x))
    for name in ("low", "middle", "high")
}
model = keras.Model(inputs, outputs)
levels = {"low": 0.1, "middle": 0.5, "high": 0.9}


def with_targets(batches):
    """The same target for each of the three heads."""
    return [(x, dict.fromkeys(levels, y)) for x, y in batches]


model.compile(
    keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 100, 0.8)),
    loss={name: keras.losses.Quantile(level) for name, level in levels.items()},
)
model.fit(iter(with_targets(train) * 15), steps_per_epoch=31, epochs=15, verbose=0)
truth = np.concatenate([y for _, y in test])
forecast = model.predict(np.concatenate([x for x, _ in test]), verbose=0)
below = {name: np.mean(truth < forecast[name][:, 0]) for name in levels}
width = (forecast["high"] - forecast["low"])[:, 0]
print("share below each quantile:", below)
assert below["low"] < 0.3
assert 0.3 < below["middle"] < 0.7
assert below["high"] > 0.7
hard = np.arange(1000 + past, 1000 + past + len(width)) % 7 >= 5
assert width[hard].mean() > 1.5 * width[~hard].mean()
