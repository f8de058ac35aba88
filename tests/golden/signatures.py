"""Collect the signatures of the Keras names that lamina offers: order and defaults of arguments."""

import inspect
import json
from pathlib import Path

import keras

NAMES = {
    "layers": """
        Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D
        AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D
        AdaptiveMaxPooling3D Add AdditiveAttention AlphaDropout Attention Average
        AveragePooling1D AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D
        BatchNormalization Bidirectional Concatenate Conv1D Conv1DTranspose Conv2D
        Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D ConvLSTM3D
        Convolution1D Convolution1DTranspose Convolution2D Convolution2DTranspose
        Convolution3D Convolution3DTranspose Cropping1D Cropping2D Cropping3D Dense
        DepthwiseConv1D DepthwiseConv2D Dot Dropout ELU EinsumDense Embedding Flatten GRU
        GRUCell GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
        GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D GlobalAvgPool3D
        GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D
        GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization GroupQueryAttention
        Identity Input InputLayer LSTM LSTMCell Layer LayerNormalization LeakyReLU Masking
        MaxPool1D MaxPool2D MaxPool3D MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum
        MultiHeadAttention Multiply Normalization PReLU Permute RMSNormalization RNN ReLU
        RepeatVector Rescaling Reshape ReversibleEmbedding SeparableConv1D SeparableConv2D
        SeparableConvolution1D SeparableConvolution2D SimpleRNN SimpleRNNCell Softmax
        SpatialDropout1D SpatialDropout2D SpatialDropout3D SpectralNormalization
        StackedRNNCells Subtract TimeDistributed UnitNormalization UpSampling1D UpSampling2D
        UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D add average concatenate dot
        maximum minimum multiply subtract
    """,
    "losses": """
        BinaryCrossentropy BinaryFocalCrossentropy CTC CategoricalCrossentropy
        CategoricalFocalCrossentropy CategoricalGeneralizedCrossEntropy CategoricalHinge
        Circle CosineSimilarity Dice Hinge Huber KLDivergence LogCosh Loss MeanAbsoluteError
        MeanAbsolutePercentageError MeanSquaredError MeanSquaredLogarithmicError Poisson
        SparseCategoricalCrossentropy SquaredHinge Tversky binary_crossentropy
        binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy
        categorical_generalized_cross_entropy categorical_hinge circle cosine_similarity ctc
        dice hinge huber kl_divergence log_cosh mean_absolute_error
        mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error
        poisson sparse_categorical_crossentropy squared_hinge tversky
    """,
    "metrics": """
        AUC Accuracy BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy
        CategoricalCrossentropy CategoricalHinge ConcordanceCorrelation CosineSimilarity
        F1Score FBetaScore FalseNegatives FalsePositives Hinge IoU KLDivergence LogCoshError
        Mean MeanAbsoluteError MeanAbsolutePercentageError MeanIoU MeanMetricWrapper
        MeanSquaredError MeanSquaredLogarithmicError Metric OneHotIoU OneHotMeanIoU
        PearsonCorrelation Poisson Precision PrecisionAtRecall R2Score Recall
        RecallAtPrecision RootMeanSquaredError SensitivityAtSpecificity
        SparseCategoricalAccuracy SparseCategoricalCrossentropy
        SparseTopKCategoricalAccuracy SpecificityAtSensitivity SquaredHinge Sum
        TopKCategoricalAccuracy TrueNegatives TruePositives binary_crossentropy
        binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy
        categorical_hinge hinge huber kl_divergence log_cosh mean_absolute_error
        mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error
        poisson sparse_categorical_crossentropy squared_hinge
        binary_accuracy categorical_accuracy concordance_correlation pearson_correlation
        sparse_categorical_accuracy sparse_top_k_categorical_accuracy top_k_categorical_accuracy
    """,
    "optimizers": """
        Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer
        MultiOptimizer Muon Nadam Optimizer OptimizerMap RMSprop SGD ScheduleFreeAdamW
    """,
    "optimizers.schedules": """
        CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay
        LearningRateSchedule PiecewiseConstantDecay PolynomialDecay
    """,
    "initializers": """
        Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal
        LecunUniform Ones Orthogonal RandomNormal RandomUniform TruncatedNormal
        VarianceScaling Zeros
    """,
    "regularizers": "L1 L2 L1L2 OrthogonalRegularizer",
    "constraints": "MaxNorm MinMaxNorm NonNeg UnitNorm",
    "callbacks": """
        BackupAndRestore CSVLogger Callback CallbackList EarlyStopping History
        LambdaCallback LearningRateScheduler ModelCheckpoint ProgbarLogger ReduceLROnPlateau
        SwapEMAWeights TensorBoard TerminateOnNaN
    """,
    "activations": """
        celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish
        hard_tanh leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu
        sigmoid silu soft_shrink softmax softplus softsign sparse_plus
        sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink threshold
    """,
    "models": "Sequential load_model save_model clone_model",
    "utils": """
        set_random_seed to_categorical pad_sequences normalize timeseries_dataset_from_array
        plot_model load_img img_to_array array_to_img save_img
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
    SimpleRNN LSTM GRU ConvLSTM1D ConvLSTM2D ConvLSTM3D Bidirectional MultiHeadAttention
    BatchNormalization LayerNormalization Dropout Softmax Attention AdditiveAttention
    GroupQueryAttention ReversibleEmbedding RNN TimeDistributed GlobalAveragePooling1D
    SpectralNormalization LSTMCell
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
