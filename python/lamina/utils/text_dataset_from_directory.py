"""`text_dataset_from_directory`: texts in folders named after their classes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from lamina.errors import FileError
from lamina.utils.labelled_files import LabelledFiles


def text_dataset_from_directory(
    directory: str | os.PathLike[str],
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """Read `.txt` files (UTF-8) from folders, one for each class.

    Args:
        directory: The folder that holds a folder of files for each class.
        labels: "inferred" from the folders, None for none, or a list with a number for each file,
            in the order of their paths.
        label_mode: "int": numbers; "categorical": one-hot rows; "binary": 0 or 1 as `(batch, 1)`;
            None: no labels.
        class_names: Folders to take, in the order of their numbers; None takes all by name.
        batch_size: Texts in a batch; None yields one at a time.
        max_length: Cut longer texts off after so many characters.
        shuffle: Another order on every pass; otherwise by path.
        seed: Seed of the order and of the split.
        validation_split: Share of the files for validation.
        subset: With `validation_split`: "training", "validation", or "both" for the two of them.
        follow_links: Look into folders that are links.
        verbose: Print how many files were found.

    Returns:
        A `SampleDataset` (two of them for "both") that yields `(texts, labels)`, texts being an
        array of strings; its `class_names` name the labels.

    Raises:
        ConfigError: options that are unknown or do not fit each other.
        DataError: no file, or a number of labels that is not that of the files.
        FileError: no such folder, or a file that is no text.

    Example:
        >>> for name in ("good", "bad"):
        ...     (tmp_path / name).mkdir()
        ...     _ = (tmp_path / name / "1.txt").write_text(f"a {name} film")
        >>> dataset = text_dataset_from_directory(tmp_path, shuffle=False)
        Found 2 files belonging to 2 classes.
        >>> dataset.class_names
        ['bad', 'good']
        >>> texts, labels = next(iter(dataset))
        >>> texts.tolist(), labels.tolist()
        (['a bad film', 'a good film'], [0, 1])
    """

    def read(path: str) -> str:
        try:
            with open(path, encoding="utf-8") as file:
                return file.read(-1 if max_length is None else max_length)
        except UnicodeDecodeError as error:
            raise FileError(f"{path}: expected text in UTF-8 ({error})") from None

    return LabelledFiles(
        "text_dataset_from_directory",
        (".txt",),
        directory,
        labels,
        label_mode,
        class_names,
        batch_size,
        shuffle,
        seed,
        validation_split,
        subset,
        follow_links,
        verbose,
    ).dataset(read)
