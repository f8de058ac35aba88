"""Forecast the number of sunspots one year ahead, and see whether that beats the naive forecast.

309 yearly counts (Sunspot Index and Long-term Solar Observations, Royal Observatory of Belgium),
as statsmodels brings them. The naive forecast says: next year will be as this one.

pip install statsmodels                 (or pass the path of its sunspots.csv)
python examples/forecast_gru.py [sunspots.csv]
"""

import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import lamina as keras
from lamina import layers

YEARS = 24  # about two cycles of the sun
LAST_TRAINED = 1920


def find_file():
    """The file given, or the one inside statsmodels, which need not be imported for it."""
    if len(sys.argv) > 1:
        return Path(sys.argv[1])
    package = find_spec("statsmodels")
    if package is None or package.origin is None:
        sys.exit("Install statsmodels, or pass the path of its sunspots.csv")
    return Path(package.origin).parent / "datasets/sunspots/sunspots.csv"


keras.utils.set_random_seed(0)
years, spots = np.loadtxt(find_file(), delimiter=",", skiprows=1, unpack=True)

# Square roots make the peaks less extreme; the scale is that of the training years.
series = np.sqrt(spots)
trained = int(np.searchsorted(years, LAST_TRAINED, side="right"))
mean, spread = series[:trained].mean(), series[:trained].std()
scaled = ((series - mean) / spread).astype(np.float32)[:, np.newaxis]

data = keras.utils.timeseries_dataset_from_array(
    scaled[: trained - 1], scaled[YEARS:trained], YEARS, batch_size=16, shuffle=True, seed=0
)
model = keras.Sequential([keras.Input((YEARS, 1)), layers.GRU(24), layers.Dense(1)])
model.compile(keras.optimizers.Adam(3e-3, weight_decay=1e-3), "mse")

start = time.perf_counter()
model.fit(data, epochs=60, verbose=0)
seconds = time.perf_counter() - start

windows = np.stack([scaled[k - YEARS : k] for k in range(trained, len(scaled))])
forecast = (model.predict(windows, verbose=0)[:, 0] * spread + mean) ** 2
actual, naive = spots[trained:], spots[trained - 1 : -1]


def error(guess):
    """Root of the mean squared error, in sunspots."""
    return np.sqrt(np.mean((guess - actual) ** 2))


print(
    f"{len(actual)} years after {LAST_TRAINED}, forecast one year ahead (training {seconds:.1f} s)"
)
print(f"naive: off by {error(naive):.1f} sunspots")
print(f"GRU:   off by {error(forecast):.1f} sunspots, {error(forecast) / error(naive):.0%} of it")
