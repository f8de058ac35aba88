"""Objects that `fit`, `evaluate` and `predict` call at fixed moments."""

from typing import Any

from lamina.callbacks.backup_and_restore import BackupAndRestore
from lamina.callbacks.callback import Callback
from lamina.callbacks.callback_list import CallbackList
from lamina.callbacks.csv_logger import CSVLogger
from lamina.callbacks.early_stopping import EarlyStopping
from lamina.callbacks.history import History
from lamina.callbacks.lambda_callback import LambdaCallback
from lamina.callbacks.learning_rate_scheduler import LearningRateScheduler
from lamina.callbacks.model_checkpoint import ModelCheckpoint
from lamina.callbacks.progbar_logger import ProgbarLogger
from lamina.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from lamina.callbacks.swap_ema_weights import SwapEMAWeights
from lamina.callbacks.tensor_board import TensorBoard
from lamina.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]

_LEFT_OUT = {
    "OrbaxCheckpoint": "writes checkpoints of JAX. Take ModelCheckpoint, or BackupAndRestore",
    "RemoteMonitor": "sends to a server over HTTP. Take a LambdaCallback that calls your client",
}


def __getattr__(name: str) -> Any:
    if name in _LEFT_OUT:
        raise AttributeError(f"lamina.callbacks has no {name}, which in Keras {_LEFT_OUT[name]}")
    raise AttributeError(f"module 'lamina.callbacks' has no attribute {name!r}")
