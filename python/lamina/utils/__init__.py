"""Small things around training: seeds, labels, sequences, progress, pictures."""

from lamina._ragged import Ragged
from lamina._session import clear_session
from lamina.utils.find_learning_rate import LearningRates, find_learning_rate
from lamina.utils.heat_map import heat_map
from lamina.utils.image_dataset_from_directory import image_dataset_from_directory
from lamina.utils.image_grid import image_grid
from lamina.utils.line_chart import line_chart
from lamina.utils.loaded_images import array_to_img, img_to_array, load_img, save_img
from lamina.utils.normalize import normalize
from lamina.utils.pad_sequences import pad_sequences
from lamina.utils.picture import Picture
from lamina.utils.plot_model import plot_model
from lamina.utils.progbar import Progbar
from lamina.utils.py_dataset import PyDataset, Sequence
from lamina.utils.sample_dataset import SampleDataset
from lamina.utils.set_random_seed import set_random_seed
from lamina.utils.split_dataset import split_dataset
from lamina.utils.text_dataset_from_directory import text_dataset_from_directory
from lamina.utils.timeseries_dataset_from_array import timeseries_dataset_from_array
from lamina.utils.to_categorical import to_categorical
from lamina.utils.x_y_sample_weight import pack_x_y_sample_weight, unpack_x_y_sample_weight

__all__ = [
    "LearningRates",
    "Picture",
    "Progbar",
    "PyDataset",
    "Ragged",
    "SampleDataset",
    "Sequence",
    "array_to_img",
    "clear_session",
    "find_learning_rate",
    "heat_map",
    "image_dataset_from_directory",
    "image_grid",
    "img_to_array",
    "line_chart",
    "load_img",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "save_img",
    "set_random_seed",
    "split_dataset",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
