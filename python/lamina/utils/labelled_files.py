"""Files in folders named after their classes: what directories of images and of texts share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lamina import _session
from lamina.errors import ConfigError, DataError, FileError
from lamina.utils.sample_dataset import SampleDataset
from lamina.utils.to_categorical import to_categorical

Array = NDArray[Any]

LABEL_MODES = ("int", "categorical", "binary", None)


@dataclass
class LabelledFiles:
    """What is asked of a directory; the fields are the arguments of Keras's functions.

    Raises:
        ConfigError: options that are unknown or do not fit each other.
        DataError: no file, or a number of labels that is not that of the files.
        FileError: no such folder.
    """

    where: str
    formats: tuple[str, ...]
    directory: str | os.PathLike[str]
    labels: Any
    label_mode: str | None
    class_names: Sequence[str] | None
    batch_size: int | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    verbose: bool

    def dataset(self, read: Callable[[str], Any]) -> Any:
        """The dataset, or the two of them for `subset="both"`; `read` gives what is in a file."""
        self._check()
        if self.seed is None:
            self.seed = _session.next_seed() % 2**32
        paths, labels, names = self._index()
        order = np.arange(len(paths))
        if self.shuffle:
            np.random.RandomState(self.seed).shuffle(order)  # Keras's split of the same files
        targets = self._targets(labels, names)

        def take(numbers: Array) -> Any:
            contents = np.stack([np.asarray(read(paths[number])) for number in numbers])
            return contents if targets is None else (contents, targets[numbers])

        def part(samples: Array) -> SampleDataset:
            seed = self.seed if self.shuffle else None
            files = [paths[number] for number in samples]
            return SampleDataset(take, samples, self.batch_size, seed, files, names)

        if self.validation_split is None:
            return part(order)
        cut = len(order) - int(self.validation_split * len(order))
        parts = {"training": order[:cut], "validation": order[cut:]}
        for name, samples in parts.items():
            if len(samples) == 0 and self.subset in (name, "both"):
                raise DataError(
                    f"{self.where}: validation_split={self.validation_split} leaves no file for "
                    f"{name} among {len(order)}"
                )
        if self.subset == "both":
            return part(parts["training"]), part(parts["validation"])
        return part(parts[str(self.subset)])

    def _check(self) -> None:
        if self.labels not in ("inferred", None) and not isinstance(self.labels, list | tuple):
            raise ConfigError(
                f"{self.where}: expected labels as 'inferred', None, or a list with a number for "
                f"each file, got {self.labels!r:.60}"
            )
        if self.label_mode not in LABEL_MODES:
            known = ", ".join(map(repr, LABEL_MODES))
            raise ConfigError(
                f"{self.where}: expected label_mode among {known}, got {self.label_mode!r}"
            )
        if self.class_names and self.labels != "inferred":
            raise ConfigError(
                f"{self.where}: expected class_names with labels='inferred' only, "
                f"got labels={self.labels!r:.60}"
            )
        if self.validation_split is not None and not 0 < self.validation_split < 1:
            raise ConfigError(
                f"{self.where}: expected validation_split between 0 and 1, "
                f"got {self.validation_split}"
            )
        if (self.validation_split is None) != (self.subset is None):
            raise ConfigError(
                f"{self.where}: expected validation_split and subset together, "
                f"got {self.validation_split} and {self.subset!r}"
            )
        if self.subset not in ("training", "validation", "both", None):
            raise ConfigError(
                f"{self.where}: expected subset as 'training', 'validation' or 'both', "
                f"got {self.subset!r}"
            )
        if self.validation_split and self.shuffle and self.seed is None:
            raise ConfigError(
                f"{self.where}: with validation_split and shuffle, training and validation files "
                "would overlap. Give a seed, the same to both calls, or shuffle=False"
            )

    def _index(self) -> tuple[list[str], Array, list[str] | None]:
        """The files in the order of their names, their labels, the names of the classes."""
        root = os.fspath(self.directory)
        if not os.path.isdir(root):
            raise FileError(f"{self.where}: no such folder: {root}")
        names: list[str] | None = None
        if self.labels == "inferred":
            found = sorted(e.name for e in os.scandir(root) if e.is_dir() and e.name[0] != ".")
            names = found if self.class_names is None else list(self.class_names)
            unknown = sorted(set(names) - set(found))
            if unknown:
                raise ConfigError(
                    f"{self.where}: expected class_names among the folders {', '.join(found)}, "
                    f"got {', '.join(unknown)}"
                )
        paths: list[str] = []
        labels: list[int] = []
        for label, name in enumerate([""] if names is None else names):
            files = self._files(os.path.join(root, name) if name else root)
            paths += files
            labels += [label] * len(files)
        if not paths:
            raise DataError(
                f"{self.where}: expected files ending in {', '.join(self.formats)} in {root}, "
                "got none"
            )
        if isinstance(self.labels, list | tuple):
            if len(self.labels) != len(paths):
                raise DataError(
                    f"{self.where}: expected a label for each of {len(paths)} files, "
                    f"got {len(self.labels)}"
                )
            labels = [int(label) for label in self.labels]
            names = [str(label) for label in sorted(set(labels))]
        if self.verbose:
            classes = "" if names is None else f" belonging to {len(names)} classes"
            print(f"Found {len(paths)} files{classes}.")
        return paths, np.array(labels, np.int32), names

    def _files(self, folder: str) -> list[str]:
        found = []
        walk = os.walk(folder, followlinks=self.follow_links)
        for inside, _, names in sorted(walk, key=lambda entry: entry[0]):
            fitting = (name for name in sorted(names) if name.lower().endswith(self.formats))
            found += [os.path.join(inside, name) for name in fitting]
        return found

    def _targets(self, labels: Array, names: list[str] | None) -> Array | None:
        if self.labels is None or self.label_mode is None or names is None:
            return None
        if self.label_mode == "binary":
            if len(names) != 2:
                raise ConfigError(
                    f"{self.where}: expected two classes with label_mode='binary', got {len(names)}"
                )
            return labels[:, np.newaxis].astype(np.float32)
        if self.label_mode == "categorical":
            return np.asarray(to_categorical(labels, len(names)), np.float32)
        return labels
