"""A noisy code of few numbers serves two heads: one draws the input again, one tells its cause."""

import numpy as np

import lamina as keras

layers = keras.layers

keras.utils.set_random_seed(8)
rng = np.random.default_rng(8)
rows, width, latent_dim = 1000, 20, 3
cause = rng.uniform(-1.0, 1.0, (rows, 1)).astype("float32")
phase = rng.uniform(-0.5, 0.5, (rows, 1))
grid = np.linspace(0, 3, width)
x = np.sin((2.0 + cause) * grid + phase) + rng.normal(0, 0.05, (rows, width))
x = x.astype("float32")


class Sampling(layers.Layer):
    """The mean code with the noise of a unit of variance, which keeps neighbours together."""

    def __init__(self, stddev=0.1, **kwargs):
        super().__init__(**kwargs)
        self.noise = layers.GaussianNoise(stddev)
        self.prior = layers.ActivityRegularization(l2=1e-4)

    def call(self, inputs):
        return self.noise(self.prior(inputs))


encoder_inputs = keras.Input(shape=(width,))
h = layers.Dense(32, activation="relu")(encoder_inputs)
z_mean = layers.Dense(latent_dim, name="z_mean")(h)
z = Sampling(name="z")(z_mean)
d = layers.Dense(32, activation="relu")(z)
reconstruction = layers.Dense(width, name="reconstruction")(d)
c = layers.Dense(16, activation="tanh")(z)
regression = layers.Dense(1, name="cause")(c)
vae = keras.Model(encoder_inputs, [reconstruction, regression], name="vae")
vae.compile(
    optimizer=keras.optimizers.Adam(5e-3),
    loss=["mse", "mse"],
    loss_weights=[1.0, 0.5],
    metrics=[[], ["mae"]],
)
plateau = keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=3)
history = vae.fit(x, [x, cause], batch_size=32, epochs=25, verbose=0, callbacks=[plateau])
losses = history.history["loss"]
drawn, told = vae.predict(x, verbose=0)
error, explained = np.mean((drawn - x) ** 2), 1 - np.var(told - cause) / np.var(cause)
print("reconstruction:", error, "explained of the cause:", explained)
assert losses[-1] < losses[0] / 4
assert error < 0.1 * np.var(x)
assert explained > 0.85
