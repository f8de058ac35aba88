"""Two pictures, one encoder: the same layers judge whether both show the same thing."""

import numpy as np

import lamina as keras

layers = keras.layers

keras.utils.set_random_seed(5)
rng = np.random.default_rng(5)
kinds, width = 5, 12
patterns = rng.normal(size=(kinds, width))


def make_pairs(count):
    """Pairs of noisy patterns, half of them of one kind."""
    first = rng.integers(0, kinds, count)
    same = rng.integers(0, 2, count)
    second = np.where(same, first, (first + rng.integers(1, kinds, count)) % kinds)
    noisy = [patterns[k] * rng.uniform(0.7, 1.3, (count, 1)) for k in (first, second)]
    return [(p + rng.normal(0, 0.3, p.shape)).astype("float32") for p in noisy], same


embedding_network = keras.Sequential(
    [
        keras.Input((width,)),
        layers.BatchNormalization(),
        layers.Dense(24, activation="tanh"),
        layers.Dense(8),
    ],
    name="embedding",
)
input_1, input_2 = keras.Input((width,)), keras.Input((width,))
tower_1, tower_2 = embedding_network(input_1), embedding_network(input_2)
difference = layers.Subtract()([tower_1, tower_2])
distance = layers.Multiply()([difference, difference])
normal = layers.BatchNormalization()(distance)
output = layers.Dense(1, activation="sigmoid")(normal)
siamese = keras.Model(inputs=[input_1, input_2], outputs=output)
siamese.compile(
    loss="binary_crossentropy", optimizer=keras.optimizers.Adam(0.01), metrics=["accuracy"]
)
(a, b), same = make_pairs(1000)
siamese.fit([a, b], same, batch_size=32, epochs=10, verbose=0)
(a, b), same = make_pairs(200)
loss, accuracy = siamese.evaluate([a, b], same, verbose=0)
print("accuracy:", accuracy)
assert accuracy > 0.9
assert len(siamese.trainable_weights) == 10  # the encoder's six weights once, not twice
encoder = keras.Model(input_1, tower_1)
np.testing.assert_allclose(
    encoder.predict(a, verbose=0), embedding_network.predict(a, verbose=0), rtol=1e-5, atol=1e-6
)
