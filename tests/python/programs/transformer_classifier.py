"""A transformer block reads token sequences, as in a Keras example."""

import numpy as np

import lamina as keras

layers = keras.layers

keras.utils.set_random_seed(12)
rng = np.random.default_rng(12)
vocab_size, maxlen = 20, 12
embed_dim, num_heads, ff_dim = 16, 2, 32


class TransformerBlock(layers.Layer):
    """Attention and a small network, each with dropout, a sum and a normalization."""

    def __init__(self, embed_dim, num_heads, ff_dim, rate=0.1):
        super().__init__()
        self.att = layers.MultiHeadAttention(num_heads=num_heads, key_dim=embed_dim)
        self.ffn = keras.Sequential(
            [layers.Dense(ff_dim, activation="relu"), layers.Dense(embed_dim)]
        )
        self.layernorm1 = layers.LayerNormalization(epsilon=1e-6)
        self.layernorm2 = layers.LayerNormalization(epsilon=1e-6)
        self.dropout1 = layers.Dropout(rate)
        self.dropout2 = layers.Dropout(rate)

    def call(self, inputs):
        attn_output = self.att(inputs, inputs)
        attn_output = self.dropout1(attn_output)
        out1 = self.layernorm1(inputs + attn_output)
        ffn_output = self.ffn(out1)
        ffn_output = self.dropout2(ffn_output)
        return self.layernorm2(out1 + ffn_output)


# Is the token that comes twice an even one?
x = np.stack([rng.permutation(np.arange(1, vocab_size))[:maxlen] for _ in range(1200)])
twice = rng.integers(1, maxlen, len(x))
x[np.arange(len(x)), twice] = x[:, 0]
y = x[:, 0] % 2
x_train, y_train, x_val, y_val = x[:1000], y[:1000], x[1000:], y[1000:]

tokens = layers.Input(shape=(maxlen,))
positions = layers.Input(shape=(maxlen,))
embedded = layers.Embedding(vocab_size, embed_dim)(tokens)
placed = layers.Embedding(maxlen, embed_dim)(positions)
x = layers.add([embedded, placed])
x = TransformerBlock(embed_dim, num_heads, ff_dim)(x)
x = layers.Flatten()(x)
x = layers.Dropout(0.1)(x)
x = layers.Dense(20, activation="relu")(x)
outputs = layers.Dense(2, activation="softmax")(x)
model = keras.Model(inputs=[tokens, positions], outputs=outputs)
model.compile(
    optimizer=keras.optimizers.Adam(3e-3),
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
where = np.tile(np.arange(maxlen), (len(x_train), 1))
where_val = where[: len(x_val)]
history = model.fit(
    [x_train, where],
    y_train,
    batch_size=32,
    epochs=20,
    validation_data=([x_val, where_val], y_val),
    verbose=0,
)
print("validation accuracy:", history.history["val_accuracy"][-1])
assert history.history["val_accuracy"][-1] > 0.9
