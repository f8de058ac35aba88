"""An encoder and a decoder learn to add: "12+7" is "19". After Keras's example addition_rnn."""

import numpy as np

import lamina as keras

layers = keras.layers

keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)
DIGITS, REVERSE = 2, True
MAXLEN = DIGITS + 1 + DIGITS


class CharacterTable:
    """Characters as one-hot rows and back."""

    def __init__(self, chars):
        self.chars = sorted(set(chars))
        self.char_indices = {c: i for i, c in enumerate(self.chars)}
        self.indices_char = dict(enumerate(self.chars))

    def encode(self, text, num_rows):
        x = np.zeros((num_rows, len(self.chars)))
        for i, c in enumerate(text):
            x[i, self.char_indices[c]] = 1
        return x

    def decode(self, x, calc_argmax=True):
        if calc_argmax:
            x = x.argmax(axis=-1)
        return "".join(self.indices_char[int(i)] for i in x)


chars = "0123456789+ "
ctable = CharacterTable(chars)
questions, expected = [], []
for a, b in rng.integers(0, 30, (3000, 2)):
    query = f"{a}+{b}".ljust(MAXLEN)
    questions.append(query[::-1] if REVERSE else query)
    expected.append(str(a + b).ljust(DIGITS + 1))
x = np.stack([ctable.encode(q, MAXLEN) for q in questions]).astype(bool)
y = np.stack([ctable.encode(a, DIGITS + 1) for a in expected]).astype(bool)
split_at = len(x) - len(x) // 10
(x_train, x_val), (y_train, y_val) = np.split(x, [split_at]), np.split(y, [split_at])

model = keras.Sequential()
model.add(layers.Input((MAXLEN, len(chars))))
model.add(layers.LSTM(64))
model.add(layers.RepeatVector(DIGITS + 1))
model.add(layers.LSTM(64, return_sequences=True))
model.add(layers.Dense(len(chars), activation="softmax"))
model.compile(
    loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(0.01), metrics=["accuracy"]
)
for _ in range(4):
    model.fit(x_train, y_train, batch_size=32, epochs=4, validation_data=(x_val, y_val), verbose=0)
loss, accuracy = model.evaluate(x_val, y_val, verbose=0)
preds = np.argmax(model.predict(x_val[:10], verbose=0), axis=-1)
for q, correct, guess in zip(x_val, y_val, preds, strict=False):
    question = ctable.decode(q)
    print(question[::-1], "=", ctable.decode(guess, calc_argmax=False), ctable.decode(correct))
print("accuracy of characters:", accuracy)
assert accuracy > 0.85
