"""ONNX Runtime: prediction with the network that PyTorch exports."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings

import numpy as np
import onnxruntime
import torch
import torch_models
from workloads import WORKLOADS, Task


class Engine:
    """A workload in ONNX Runtime."""

    def __init__(self, key: str, threads: int, options: set[str]) -> None:
        torch.set_num_threads(1)  # it exports, no more
        self.key, self.threads = key, threads

    def infer(self, x: np.ndarray) -> dict[str, Task]:
        """One batch through a session."""
        net = torch_models.model(self.key).eval()
        example = torch.from_numpy(x)
        example = example.long() if WORKLOADS[self.key].vocabulary else example
        file = io.BytesIO()
        logging.disable(logging.WARNING)
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(net, (example,), file, dynamo=False, opset_version=17)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        session = onnxruntime.InferenceSession(
            file.getvalue(), options, providers=["CPUExecutionProvider"]
        )
        feed = {session.get_inputs()[0].name: example.numpy()}
        return {"onnxruntime": lambda: session.run(None, feed)}
