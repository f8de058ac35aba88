"""An LSTM learns a text letter by letter and writes on, as in a Keras example."""

import numpy as np

import lamina as keras

layers = keras.layers

keras.utils.set_random_seed(7)
rng = np.random.default_rng(7)
text = "the quick brown fox jumps over the lazy dog and runs away from the angry bear. " * 12

chars = sorted(set(text))
char_indices = {c: i for i, c in enumerate(chars)}
indices_char = dict(enumerate(chars))
maxlen, step = 12, 3
sentences, next_chars = [], []
for i in range(0, len(text) - maxlen, step):
    sentences.append(text[i : i + maxlen])
    next_chars.append(text[i + maxlen])
x = np.zeros((len(sentences), maxlen, len(chars)), dtype="bool")
y = np.zeros((len(sentences), len(chars)), dtype="bool")
for i, sentence in enumerate(sentences):
    for t, char in enumerate(sentence):
        x[i, t, char_indices[char]] = 1
    y[i, char_indices[next_chars[i]]] = 1

model = keras.Sequential(
    [
        keras.Input(shape=(maxlen, len(chars))),
        layers.LSTM(48),
        layers.Dense(len(chars), activation="softmax"),
    ]
)
optimizer = keras.optimizers.RMSprop(learning_rate=0.01)
model.compile(loss="categorical_crossentropy", optimizer=optimizer)


def sample(preds, temperature=1.0):
    """An index drawn as likely as the model thinks, sharpened by the temperature."""
    preds = np.asarray(preds).astype("float64")
    preds = np.log(preds + 1e-12) / temperature
    exp_preds = np.exp(preds)
    probas = rng.multinomial(1, exp_preds / np.sum(exp_preds) * (1 - 1e-9))
    return np.argmax(probas)


for _ in range(3):
    model.fit(x, y, batch_size=32, epochs=8, verbose=0)
generated, sentence = "", text[:maxlen]
for _ in range(60):
    x_pred = np.zeros((1, maxlen, len(chars)))
    for t, char in enumerate(sentence):
        x_pred[0, t, char_indices[char]] = 1.0
    preds = model.predict(x_pred, verbose=0)[0]
    next_char = indices_char[sample(preds, 0.2)]
    sentence = sentence[1:] + next_char
    generated += next_char
print(text[:maxlen] + generated)
assert sum(a == b for a, b in zip(generated, text[maxlen:], strict=False)) > 50
