"""Collect the signatures of the Keras names that lamina offers: order and defaults of arguments."""

import inspect
import json
from pathlib import Path

import keras

NAMES = {
    "layers": """
        Activation Add AveragePooling2D BatchNormalization Bidirectional Concatenate
        Conv2D Dense Dropout Embedding Flatten GRU GlobalAveragePooling2D Input
        InputLayer LSTM LayerNormalization Masking MaxPooling2D MultiHeadAttention
        Multiply Reshape SimpleRNN Layer
    """,
    "losses": """
        MeanSquaredError MeanAbsoluteError BinaryCrossentropy
        CategoricalCrossentropy SparseCategoricalCrossentropy mean_squared_error
        mean_absolute_error binary_crossentropy categorical_crossentropy
        sparse_categorical_crossentropy
    """,
    "metrics": """
        Accuracy BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy
        TopKCategoricalAccuracy SparseTopKCategoricalAccuracy MeanSquaredError
        MeanAbsoluteError Mean
    """,
    "optimizers": "SGD Adam AdamW RMSprop",
    "optimizers.schedules": "ExponentialDecay CosineDecay PiecewiseConstantDecay",
    "initializers": """
        Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal
        LecunUniform Ones Orthogonal RandomNormal RandomUniform TruncatedNormal
        VarianceScaling Zeros
    """,
    "regularizers": "L1 L2 L1L2",
    "constraints": "MaxNorm MinMaxNorm NonNeg UnitNorm",
    "callbacks": """
        Callback LambdaCallback History ProgbarLogger EarlyStopping ModelCheckpoint
        ReduceLROnPlateau LearningRateScheduler TerminateOnNaN CSVLogger
    """,
    "activations": """
        celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish
        hard_tanh leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu
        sigmoid silu soft_shrink softmax softplus softsign sparse_plus
        sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold
    """,
    "models": "Sequential load_model clone_model",
    "utils": """
        set_random_seed to_categorical pad_sequences normalize timeseries_dataset_from_array
        plot_model
    """,
}
METHODS = {
    "models.Model": """
        compile fit evaluate predict train_on_batch test_on_batch predict_on_batch
        summary get_layer get_weights set_weights count_params get_config
        from_config to_json save save_weights load_weights
    """,
    "models.Sequential": "add pop",
    "layers.Layer": """
        add_weight build get_weights set_weights count_params get_config from_config
        compute_output_shape
    """,
    "callbacks.Callback": """
        on_train_begin on_train_end on_epoch_begin on_epoch_end on_train_batch_begin
        on_train_batch_end on_test_begin on_test_end on_test_batch_begin
        on_test_batch_end on_predict_begin on_predict_end on_predict_batch_begin
        on_predict_batch_end set_params set_model
    """,
    "metrics.Metric": "update_state result reset_state",
}
CALLS = """
    SimpleRNN LSTM GRU Bidirectional MultiHeadAttention BatchNormalization LayerNormalization
    Dropout
"""


def write(folder):
    """Write signatures.json: public name -> list of [argument, kind, default's repr or null]."""
    table = {}
    for module, names in NAMES.items():
        for name in names.split():
            table[f"{module}.{name}"] = _signature(_find(f"{module}.{name}"))
    for owner, names in METHODS.items():
        for name in names.split():
            table[f"{owner}.{name}"] = _signature(getattr(_find(owner), name))
    for name in CALLS.split():
        table[f"layers.{name}.call"] = _signature(_find(f"layers.{name}").call)
    lines = [
        f"{json.dumps(name)}: {json.dumps(arguments)}" for name, arguments in sorted(table.items())
    ]
    Path(folder, "signatures.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"signatures: {len(table)} names")


def _find(path):
    found = keras
    for part in path.split("."):
        found = getattr(found, part)
    return found


def _signature(function):
    return [
        [
            name,
            parameter.kind.name.lower(),
            None if parameter.default is parameter.empty else repr(parameter.default),
        ]
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self"
    ]
