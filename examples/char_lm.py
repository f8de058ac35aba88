"""A character language model that learns to write Python from Python's own standard library.

An LSTM reads 64 characters and says after each which one comes next. Its quality is the number of
bits it needs for a character of files it has never seen: 8 without any model, about 4.5 with the
frequency of letters alone.

python examples/char_lm.py [epochs] [characters]
"""

import math
import sys
import sysconfig
import time
from pathlib import Path

import numpy as np

import lamina as keras
from lamina import layers

EPOCHS = int(sys.argv[1]) if len(sys.argv) > 1 else 8
TRAIN = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
TEST = TRAIN // 10
LENGTH, BATCH = 64, 64

keras.utils.set_random_seed(0)

# Every tenth file is kept for the test, so that no text is in both parts.
files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
texts = [file.read_text("utf-8", "replace") for file in files]
train = "".join(text for k, text in enumerate(texts) if k % 10)[:TRAIN]
test = "".join(texts[::10])[:TEST]

# Printable ASCII, tab and newline have numbers of their own; everything else is one "other" sign.
SIGNS = "\0\t\n" + "".join(map(chr, range(32, 127)))
number_of = {sign: number for number, sign in enumerate(SIGNS)}


def windows(text):
    """Windows of LENGTH characters, and the same moved on by one."""
    numbers = np.array([number_of.get(sign, 0) for sign in text], np.int32)
    count = (len(numbers) - 1) // LENGTH
    x = numbers[: count * LENGTH].reshape(count, LENGTH)
    return x, numbers[1 : count * LENGTH + 1].reshape(count, LENGTH)


def write(model, start, count, temperature=0.5):
    """Let the model go on with a text, one character after the other."""
    random = np.random.default_rng(0)
    numbers = [number_of[sign] for sign in start]
    for _ in range(count):
        window = np.array([numbers[-LENGTH:]])
        logits = model.predict(window, verbose=0)[0, -1].astype(float) / temperature
        chances = np.exp(logits - logits.max())
        numbers.append(int(random.choice(len(SIGNS), p=chances / chances.sum())))
    return "".join(SIGNS[number] for number in numbers)


x_train, y_train = windows(train)
x_test, y_test = windows(test)

model = keras.Sequential(
    [
        keras.Input((None,)),
        layers.Embedding(len(SIGNS), 64),
        layers.LSTM(192, return_sequences=True),
        layers.LayerNormalization(),
        layers.Dense(len(SIGNS)),
    ]
)
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(4e-3, clipnorm=1.0), loss)

start = time.perf_counter()
model.fit(x_train, y_train, batch_size=BATCH, epochs=EPOCHS, validation_data=(x_test, y_test))
seconds = time.perf_counter() - start

nats = model.evaluate(x_test, y_test, verbose=0)
shares = np.bincount(x_train.ravel(), minlength=len(SIGNS)) / x_train.size
entropy = -sum(share * math.log2(share) for share in shares if share)
print(f"\n{nats / math.log(2):.2f} bits per character on unseen files ({entropy:.2f} by frequency)")
print(f"{EPOCHS} epochs of {x_train.size:,} characters took {seconds:.0f} s")
print("\nWhat it writes:\n")
print(write(model, "def parse(self, ", 300))
