"""A model in one safetensors file: arrays in the body, everything else as JSON in its metadata.

Nothing in a file is ever run or imported: classes come from the registry or from `custom_objects`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lamina import _core
from lamina._arrays import Array
from lamina.errors import ConfigError, FileError, LaminaError, ParamError
from lamina.layers.declare import deserialize, serialize

if TYPE_CHECKING:
    from lamina.layers.base import Layer
    from lamina.layers.variable import Variable
    from lamina.models.model import Model

FORMAT = "lamina"
VERSION = 1
MAX_DEPTH = 100
"""How deep models may be nested in a file."""
MAX_JSON = 64 << 20
"""How long the description of a model may be, in characters."""

WEIGHTS, OPTIMIZER, CALLBACKS = "weights/", "optimizer/", "callbacks/"

FOREIGN = {
    ".keras": "a zip archive of Keras",
    ".h5": "an HDF5 file of Keras",
    ".hdf5": "an HDF5 file of Keras",
}
MAGIC = {b"PK\x03\x04": ".keras", b"\x89HDF": ".h5"}

Path = str | os.PathLike[str]


def save_model(model: Model, filepath: Path, overwrite: bool = True, zipped: None = None) -> None:
    """Write architecture, weights, compile state, optimizer and step: the same as `model.save`.

    Args:
        model: The model.
        filepath: Where to; `.lamina` is the usual ending.
        overwrite: Replace an existing file; otherwise that is an error.
        zipped: Not supported; only None.

    Raises:
        ConfigError: zipped.
        FileError: the file exists and may not be replaced, cannot be written, or its ending
            belongs to another format (.keras, .h5).

    Example:
        >>> model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(3)])
        >>> save_model(model, tmp_path / "model.lamina")
        >>> load_model(tmp_path / "model.lamina").output_shape
        (None, 3)
    """
    if zipped is not None:
        raise ConfigError(
            f"{model._title()}: zipped is not supported, got {zipped!r}. "
            "Leave it None: the model is always one file"
        )
    state = model._build_state()
    training = state["training"]
    optimizer: dict[str, Array] = training.pop("optimizer")
    training["slots"] = list(optimizer)
    rest = {"shapes": state["shapes"], "seed": state["seed"], "training": training}
    metadata = {"model": json.dumps(serialize(model)), "state": json.dumps(rest)}
    tensors = {OPTIMIZER + key: array for key, array in optimizer.items()}
    _write(model, filepath, overwrite, tensors, metadata)


def save_weights(model: Layer, path: Path, overwrite: bool) -> None:
    """Write the weights alone."""
    _write(model, path, overwrite, {}, {})


def load_model(
    filepath: Path,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Model:
    """Read a model that `model.save` wrote; training goes on bit for bit where it stopped.

    Args:
        filepath: Where from.
        custom_objects: Classes of your own the model uses, by name.
        compile: Compile the model as it was, and take up the optimizer's state.
        safe_mode: Without effect: a file of lamina's never runs code.

    Raises:
        FileError: no such file, not one of lamina's, or damaged.
        ConfigError: a class that is neither lamina's nor in custom_objects.

    Example:
        >>> model = lamina.Sequential([lamina.Input((2,)), lamina.layers.Dense(3)])
        >>> model.save(tmp_path / "model.lamina")
        >>> load_model(tmp_path / "model.lamina").output_shape
        (None, 3)
    """
    tensors, metadata = _read(filepath)
    if "model" not in metadata:
        raise FileError(
            f"{filepath}: holds weights without a model. Make the model, then call load_weights"
        )
    description = _parse(metadata["model"], filepath)
    state = _parse(metadata.get("state", ""), filepath)
    try:
        model: Any = deserialize(description, custom_objects)
        training = state["training"]
        training["optimizer"] = {name: tensors[OPTIMIZER + name] for name in training["slots"]}
        if not compile:
            training |= {"compile": None, "optimizer": {}}
        model._restore_state(state | {"weights": None})
    except LaminaError:
        raise
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise FileError(
            f"{filepath}: its description of the model cannot be followed "
            f"({type(error).__name__}: {error})"
        ) from error
    _take_weights(model, tensors, metadata, filepath, skip_mismatch=False)
    return model  # type: ignore[no-any-return]


def save_backup(model: Model, path: Path) -> None:
    """Write weights, optimizer and the place in the training: what `load_backup` needs."""
    training = model._training_state()
    optimizer: dict[str, Array] = training.pop("optimizer")
    callbacks: list[tuple[str, dict[str, Any]]] = []
    kept: dict[str, Array] = {}
    for number, (kind, attributes) in enumerate(model._called.states()):
        plain = dict(attributes)
        for name, value in attributes.items():
            if isinstance(value, list):
                plain[name] = [f"{CALLBACKS}{number}/{name}/{i}" for i in range(len(value))]
                kept |= dict(zip(plain[name], value, strict=True))
        callbacks.append((kind, plain))
    state = {
        "position": model._position(),
        "callbacks": callbacks,
        "seed": model._seed,
        "learning_rates": model.optimizer._rates(),
        "training": training | {"slots": list(optimizer), "compile": None},
    }
    tensors = kept | {OPTIMIZER + key: array for key, array in optimizer.items()}
    _write(model, path, True, tensors, {"backup": json.dumps(state)})


def load_backup(model: Model, path: Path) -> None:
    """Give a compiled model back what `save_backup` wrote; `fit` goes on from there.

    Raises:
        FileError: no such file, not a backup, or damaged.
        ParamError: a backup of another model.
    """
    tensors, metadata = _read(path)
    if "backup" not in metadata:
        raise FileError(f"{path}: is no backup of a training. BackupAndRestore writes those")
    state = _parse(metadata["backup"], path)
    _take_weights(model, tensors, metadata, path, skip_mismatch=False)
    training = state["training"]
    training["optimizer"] = {name: tensors[OPTIMIZER + name] for name in training["slots"]}
    for _, attributes in state["callbacks"]:
        for name, value in attributes.items():
            if isinstance(value, list):
                attributes[name] = [tensors[key] for key in value]
    model._resume(state)


def load_weights(model: Layer, path: Path, skip_mismatch: bool) -> None:
    """Read weights into a model; see `Model.load_weights`."""
    tensors, metadata = _read(path)
    _take_weights(model, tensors, metadata, path, skip_mismatch)


def named_weights(layer: Layer) -> dict[str, Variable]:
    """All weights and kept states by path: names of the layers around them, then their own."""
    found: dict[str, Variable] = {}

    def visit(inside: Layer, prefix: str) -> None:
        for weight in inside._engine_weights():
            path, count = prefix + weight.name, 0
            while path in found:
                count += 1
                path = f"{prefix}{weight.name}_{count}"
            found[path] = weight
        for below in inside._sublayers():
            visit(below, f"{prefix}{below.name}/")

    visit(layer, "" if layer._sublayers() else f"{layer.name}/")
    return found


def _write(
    model: Layer, path: Path, overwrite: bool, tensors: dict[str, Array], metadata: dict[str, str]
) -> None:
    target = os.fspath(path)
    _refuse_foreign(target, "write")
    if not overwrite and os.path.exists(target):
        raise FileError(f"{target}: exists already. Choose another name, or overwrite=True")
    if not model.built:
        raise FileError(
            f"{model._title()}: has no weights to save yet. Fit it or build(input_shape) first"
        )
    weights = named_weights(model)
    tensors = {WEIGHTS + name: weight.numpy() for name, weight in weights.items()} | tensors
    metadata = {
        "format": FORMAT,
        "format_version": str(VERSION),
        "lamina_version": _core.__version__,
        "weights": json.dumps(list(weights)),
    } | metadata
    _core.save_file(target, tensors, metadata)


def _read(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    source = os.fspath(path)
    _refuse_foreign(source, "read")
    tensors, metadata = _core.load_file(source)
    if metadata.get("format") != FORMAT:
        raise FileError(
            f"{source}: a safetensors file, but not one of lamina's. "
            "model.save and model.save_weights write those"
        )
    if not metadata.get("format_version", "").isdigit():
        raise FileError(f"{source}: damaged, its format_version is no number")
    if int(metadata["format_version"]) > VERSION:
        raise FileError(
            f"{source}: written by lamina {metadata.get('lamina_version')}, in a newer format. "
            "Update lamina to read it"
        )
    return tensors, metadata


def _refuse_foreign(path: str, verb: str) -> None:
    ending = os.path.splitext(path)[1].lower()
    if verb == "read" and ending not in FOREIGN:
        try:
            with open(path, "rb") as file:
                ending = MAGIC.get(file.read(4), ending)
        except OSError:
            return  # the engine says what is wrong with it
    if ending in FOREIGN:
        remedy = {
            "write": f'Save as "{os.path.splitext(path)[0]}.lamina"',
            "read": "In Keras, save the arrays of model.get_weights() with numpy; here, make the "
            "same model and set_weights(arrays)",
        }[verb]
        raise FileError(f"{path}: is {FOREIGN[ending]}, which lamina does not {verb}. {remedy}")


def _parse(text: str, path: Path) -> Any:
    depth = deepest = 0
    for sign in text if len(text) <= MAX_JSON else "":
        depth += (sign in "[{") - (sign in "]}")
        deepest = max(deepest, depth)
    if len(text) > MAX_JSON or deepest > MAX_DEPTH:
        raise FileError(f"{path}: its description of the model is too large or nested too deeply")
    try:
        return json.loads(text)
    except ValueError as error:
        raise FileError(f"{path}: damaged, its description is no JSON ({error})") from None


def _under(prefix: str, tensors: Mapping[str, Array]) -> dict[str, Array]:
    return {
        name.removeprefix(prefix): array
        for name, array in tensors.items()
        if name.startswith(prefix)
    }


def _take_weights(
    model: Layer,
    tensors: Mapping[str, Array],
    metadata: Mapping[str, str],
    path: Path,
    skip_mismatch: bool,
) -> None:
    """By name where all names are known, else in order: automatic names differ between sessions."""
    arrays = _under(WEIGHTS, tensors)
    names = _parse(metadata.get("weights", "[]"), path)
    if sorted(names) != sorted(arrays):
        raise FileError(f"{path}: damaged, its list of weights is not that of its arrays")
    own = named_weights(model)
    if names and not own and not model.built:
        raise ParamError(
            f"{model._title()}: has no weights yet. Fit it or build(input_shape) first"
        )
    if not own.keys() <= arrays.keys() and len(own) == len(names):
        arrays = {mine: arrays[name] for mine, name in zip(own, names, strict=True)}
    fitting = {n: w for n, w in own.items() if n in arrays and arrays[n].shape == w.shape}
    if len(fitting) < len(own) and not skip_mismatch:
        wrong = next(name for name in own if name not in fitting)
        got = f"shape {arrays[wrong].shape}" if wrong in arrays else "none of that name"
        raise ParamError(
            f'{path}: expected shape {own[wrong].shape} for the weight "{wrong}", got {got}. '
            "Load it into the same architecture, or use skip_mismatch=True"
        )
    if len(names) > len(own) and not skip_mismatch:
        raise ParamError(
            f"{path}: expected {len(own)} weights as in {model._title()}, got {len(names)}. "
            "Load it into the same architecture, or use skip_mismatch=True"
        )
    for name, weight in fitting.items():
        weight.assign(arrays[name])
