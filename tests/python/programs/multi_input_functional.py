"""Tickets of title, body and tags go to a department, with a priority: named inputs and outputs."""

import numpy as np

import lamina as keras

layers = keras.layers

keras.utils.set_random_seed(4)
rng = np.random.default_rng(4)
num_tags, num_words, num_departments, rows = 6, 40, 3, 800

department = rng.integers(0, num_departments, rows)
urgent = rng.integers(0, 2, rows)
title_data = rng.integers(10, num_words, (rows, 8))
title_data[np.arange(rows), rng.integers(0, 8, rows)] = department + 1  # a word of its own
body_data = rng.integers(10, num_words, (rows, 20))
body_data[urgent == 1, 3] = 5
tags_data = rng.integers(0, 2, (rows, num_tags)).astype("float32")
priority_data = urgent * 0.5 + tags_data[:, 0] * 0.3
dept_data = keras.utils.to_categorical(department, num_departments)

title_input = keras.Input(shape=(None,), name="title")
body_input = keras.Input(shape=(None,), name="body")
tags_input = keras.Input(shape=(num_tags,), name="tags")
title_features = layers.Embedding(num_words, 16)(title_input)
body_features = layers.Embedding(num_words, 16)(body_input)
title_features = layers.LSTM(16)(title_features)
body_features = layers.LSTM(16)(body_features)
x = layers.concatenate([title_features, body_features, tags_input])
priority_pred = layers.Dense(1, name="priority")(x)
department_pred = layers.Dense(num_departments, name="department")(x)
model = keras.Model(
    inputs=[title_input, body_input, tags_input],
    outputs={"priority": priority_pred, "department": department_pred},
)
model.compile(
    optimizer=keras.optimizers.RMSprop(5e-3),
    loss={
        "priority": keras.losses.MeanSquaredError(),
        "department": keras.losses.CategoricalCrossentropy(from_logits=True),
    },
    loss_weights={"priority": 4.0, "department": 0.5},
    metrics={"priority": ["mae"], "department": ["accuracy"]},
)
inputs = {"title": title_data, "body": body_data, "tags": tags_data}
history = model.fit(
    inputs,
    {"priority": priority_data, "department": dept_data},
    epochs=12,
    batch_size=32,
    verbose=0,
)
result = model.evaluate(
    inputs, {"priority": priority_data, "department": dept_data}, verbose=0, return_dict=True
)
print(result)
assert result["department_accuracy"] > 0.9
assert result["priority_mae"] < 0.12
predicted = model.predict(inputs, verbose=0)
assert predicted["department"].shape == (rows, num_departments)
