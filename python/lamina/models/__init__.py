"""Models: `Model`, `Sequential`, and reading, cloning and describing them."""

from lamina.models.cloning import clone_model, model_from_json
from lamina.models.functional import Functional
from lamina.models.model import Model
from lamina.models.saving import load_model, save_model
from lamina.models.sequential import Sequential

__all__ = [
    "Functional",
    "Model",
    "Sequential",
    "clone_model",
    "load_model",
    "model_from_json",
    "save_model",
]
