"""SimpleRNN, LSTM, GRU and Bidirectional with every option; masks come right-padded, left-padded,
with holes and empty."""

import numpy as np

from layer_case import add_layer_case, make_layer, normal, set_random_weights
from store import seeded

BATCH, TIME, FEATURES, UNITS = 3, 5, 2, 3
MASKS = {
    "right_padded": [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]],
    "left_padded": [[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [0, 0, 0, 0, 1]],
    "holes": [[1, 0, 1, 0, 1], [0, 1, 1, 0, 1], [1, 1, 0, 0, 1]],
    "empty_row": [[1, 1, 1, 1, 1], [0, 0, 0, 0, 0], [1, 1, 0, 0, 0]],
}
OPTIONS = {
    "plain": {},
    "sequences": {"return_sequences": True},
    "state": {"return_state": True},
    "sequences_state": {"return_sequences": True, "return_state": True},
    "backwards": {"go_backwards": True},
    "backwards_sequences_state": {
        "go_backwards": True,
        "return_sequences": True,
        "return_state": True,
    },
    "no_bias": {"use_bias": False, "return_sequences": True},
    "unroll": {"unroll": True, "return_sequences": True},
}
# kind, short name, further arguments, number of states
KINDS = [
    ("SimpleRNN", "simple_rnn", {}, 1),
    ("LSTM", "lstm", {}, 2),
    ("GRU", "gru", {}, 1),
    ("GRU", "gru_reset_before", {"reset_after": False}, 1),
]


def mask(name):
    """Return one of the masks as booleans."""
    return np.array(MASKS[name], bool)


def fill(family):
    """Add all recurrent cases."""
    for kind, short, extra, num_states in KINDS:
        _one_kind(family, kind, short, {"units": UNITS, **extra}, num_states)
    add_layer_case(
        family,
        "lstm_no_unit_forget_bias",
        "LSTM",
        {"units": 2, "unit_forget_bias": False},
        [normal("u", 2, 3, 2)],
    )
    _bidirectional(family)


def _one_kind(family, kind, short, base, num_states):
    x = normal(short, BATCH, TIME, FEATURES)
    states = [0.5 * normal(f"{short} state {i}", BATCH, UNITS) for i in range(num_states)]

    def add(name, options, **kwargs):
        add_layer_case(family, f"{short}_{name}", kind, {**base, **options}, [x], **kwargs)

    for name, options in OPTIONS.items():
        add(name, options)
    add("initial_state", {"return_state": True}, tensors={"initial_state": states})
    add(
        "initial_state_backwards_mask",
        {"go_backwards": True, "return_sequences": True, "return_state": True},
        tensors={"initial_state": states, "mask": mask("holes")},
    )
    for name in MASKS:
        both = {"return_sequences": True, "return_state": True}
        add(f"mask_{name}", both, tensors={"mask": mask(name)})
        add(
            f"mask_{name}_backwards",
            {**both, "go_backwards": True},
            tensors={"mask": mask(name)},
        )
    add("mask_last_output", {}, tensors={"mask": mask("right_padded")})
    add("activation", {"activation": "softsign", "return_sequences": True})
    add("activation_relu_mask", {"activation": "relu"}, tensors={"mask": mask("right_padded")})
    if kind != "SimpleRNN":
        add(
            "recurrent_activation",
            {"recurrent_activation": "hard_sigmoid", "return_sequences": True},
        )
        add(
            "activations",
            {"activation": "elu", "recurrent_activation": "softplus", "return_state": True},
        )
    add_layer_case(family, f"{short}_one_time_step", kind, base, [normal(short, 2, 1, 4)])
    add_layer_case(
        family, f"{short}_one_unit", kind, {**base, "units": 1}, [normal(short, 1, 4, 1)]
    )
    for name, options in [
        ("stateful", {}),
        ("stateful_sequences_state", OPTIONS["sequences_state"]),
    ]:
        name = f"{short}_{name}"
        inputs = [normal(f"{name} call {i}", BATCH, TIME - 2, FEATURES) for i in range(3)]
        add_stateful(family, name, kind, {**base, "stateful": True, **options}, inputs)


def add_stateful(family, name, kind, config, inputs):
    """Add two calls of one stateful layer: the second goes on where the first ended; a third comes
    after reset_state()."""
    layer = make_layer(kind, config)
    layer(inputs[0])
    set_random_weights(layer, seeded(family.name, name))
    layer.reset_state()
    outputs = []
    for i, x in enumerate(inputs):
        if i == 2:
            layer.reset_state()
        y = layer(x)
        outputs.append(y[0] if isinstance(y, (list, tuple)) else y)
    weights = [weight.value for weight in layer.weights if "state" not in weight.name]
    fields = {"kind": kind, "config": config, "call": {}, "stateful_calls": True}
    family.add(name, fields, {"inputs": inputs, "weights": weights, "outputs": outputs})


def _bidirectional(family):
    x = normal("bidirectional", BATCH, TIME, FEATURES)
    for kind, short, extra, num_states in KINDS:
        for merge_mode in ["concat", "sum", "mul", "ave", None] if kind == "LSTM" else ["concat"]:
            for options in ["plain", "sequences"]:
                config = {"units": 2, **extra, **OPTIONS[options]}
                whole = {"layer": {"class_name": kind, "config": config}, "merge_mode": merge_mode}
                name = f"bi_{short}_{merge_mode}_{options}".lower()
                add_layer_case(family, name, "Bidirectional", whole, [x])
                masked = {"mask": mask("right_padded" if options == "plain" else "holes")}
                add_layer_case(family, f"{name}_mask", "Bidirectional", whole, [x], tensors=masked)
        states = [0.5 * normal(f"bidirectional state {i}", BATCH, 2) for i in range(2 * num_states)]
        config = {"units": 2, **extra, "return_sequences": True, "return_state": True}
        whole = {"layer": {"class_name": kind, "config": config}}
        add_layer_case(
            family,
            f"bi_{short}_state",
            "Bidirectional",
            whole,
            [x],
            tensors={"initial_state": states},
        )
        backward = {
            "class_name": "SimpleRNN",
            "config": {"units": 3, "go_backwards": True, "return_sequences": True},
        }
        forward = {"class_name": kind, "config": {"units": 2, **extra, "return_sequences": True}}
        add_layer_case(
            family,
            f"bi_{short}_backward_layer",
            "Bidirectional",
            {"layer": forward, "backward_layer": backward},
            [x],
            tensors={"mask": mask("left_padded")},
        )
