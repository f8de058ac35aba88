"""A multilayer perceptron on a table: is a tumour benign or malignant, by 30 measurements?

569 patients (Wolberg, Street and Mangasarian, UCI Machine Learning Repository, 1995), as
scikit-learn brings them.

pip install scikit-learn
python examples/breast_cancer_mlp.py
"""

import time

from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import lamina as keras
from lamina import layers

keras.utils.set_random_seed(0)
x, y = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, stratify=y, random_state=0)
scaler = StandardScaler().fit(x_train)
x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)

model = keras.Sequential(
    [
        keras.Input((30,)),
        layers.Dense(32, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3)),
        layers.Dropout(0.3),
        layers.Dense(16, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(keras.optimizers.Adam(3e-3), "binary_crossentropy", metrics=["accuracy"])
stop = keras.callbacks.EarlyStopping(patience=15, restore_best_weights=True)

start = time.perf_counter()
history = model.fit(
    x_train, y_train, epochs=200, batch_size=32, validation_split=0.2, callbacks=[stop], verbose=0
)
seconds = time.perf_counter() - start

_, accuracy = model.evaluate(x_test, y_test, verbose=0)
area = roc_auc_score(y_test, model.predict(x_test, verbose=0)[:, 0])
line = LogisticRegression().fit(x_train, y_train)
print(f"lamina:              {accuracy:.1%} right, area under the ROC curve {area:.4f}")
line_area = roc_auc_score(y_test, line.predict_proba(x_test)[:, 1])
print(f"logistic regression: {line.score(x_test, y_test):.1%} right, area {line_area:.4f}")
print(f"{len(history.epoch)} epochs in {seconds:.1f} s, best was epoch {stop.best_epoch + 1}")
