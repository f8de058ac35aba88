"""Make the golden files with real Keras: the numbers that lamina has to give.

    python -m venv .venv-keras
    .venv-keras/bin/pip install keras==3.15.1 jax
    .venv-keras/bin/python tests/golden/make.py [family …]

Everything is computed in float64 on Keras's jax backend and depends on seeded generators alone: a
second run gives the same files. Only this script needs Keras; the tests read the files with numpy.
See README.md for the format.
"""

import importlib
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import keras
from keras.src.backend.common import dtypes

import public_names
import signatures
from store import Family

FAMILIES = [
    "layers_recurrent",
    "layers_convolution",
    "layers_convolution_more",
    "layers_attention",
    "layers_normalization",
    "layers_normalization_more",
    "layers_core",
    "layers_elementwise",
    "layers_space",
    "layers_sequence_more",
    "layers_convlstm",
    "layers_transformer",
    "activations",
    "losses",
    "metrics",
    "metrics_more",
    "optimizers",
    "optimizers_more",
    "optimizers_multi",
    "optimizers_loss_scale",
    "initializers",
    "regularizers",
    "training",
]


def main(names):
    jax.config.update("jax_enable_x64", True)
    keras.config.set_floatx("float64")
    # Off TensorFlow, Keras's type promotion turns float64 into float32 wherever a Python float
    # takes part (tanh is one).
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    folder = Path(__file__).parent
    tables = {"signatures": signatures.write, "names": public_names.write}
    for name in names or [*FAMILIES, *tables]:
        if name in tables:
            tables[name](folder)
            continue
        family = Family(name)
        importlib.import_module(f"families.{name}").fill(family)
        size = family.write(folder)
        print(f"{name}: {len(family.cases)} cases, {size / 1024:.0f} KiB")


if __name__ == "__main__":
    main(sys.argv[1:])
