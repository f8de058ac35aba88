"""Small things around training: seeds, labels, sequences, progress, pictures."""

from lamina._ragged import Ragged
from lamina._session import clear_session
from lamina.utils.heat_map import heat_map
from lamina.utils.image_grid import image_grid
from lamina.utils.line_chart import line_chart
from lamina.utils.normalize import normalize
from lamina.utils.pad_sequences import pad_sequences
from lamina.utils.picture import Picture
from lamina.utils.plot_model import plot_model
from lamina.utils.progbar import Progbar
from lamina.utils.py_dataset import PyDataset
from lamina.utils.set_random_seed import set_random_seed
from lamina.utils.timeseries_dataset_from_array import timeseries_dataset_from_array
from lamina.utils.to_categorical import to_categorical

__all__ = [
    "Picture",
    "Progbar",
    "PyDataset",
    "Ragged",
    "clear_session",
    "heat_map",
    "image_grid",
    "line_chart",
    "normalize",
    "pad_sequences",
    "plot_model",
    "set_random_seed",
    "timeseries_dataset_from_array",
    "to_categorical",
]
