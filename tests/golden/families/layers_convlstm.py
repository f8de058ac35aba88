"""ConvLSTM1D, ConvLSTM2D and ConvLSTM3D with every option, alone and inside Bidirectional and
TimeDistributed.

All but one run in the loop that Keras writes out (`unroll`), as the other takes jax minutes to
compile. Only there does Keras on jax spread a mask over images; but it knows no
`zero_output_for_mask` there, and repeats zeros instead of the initial state before the first step.
"""

import numpy as np

from families.layers_recurrent import add_stateful
from layer_case import add_layer_case, normal

MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 0]], bool)
BOTH = {"return_sequences": True, "return_state": True}
# rank, sizes of an image, sizes of a state
KINDS = [(1, (5,), (4,)), (2, (4, 5), (3, 4)), (3, (3, 2, 4), (2, 1, 3))]
OPTIONS = {
    "plain": {},
    "sequences": {"return_sequences": True},
    "state": {"return_state": True},
    "backwards": {"go_backwards": True, **BOTH},
    "same": {"padding": "same", **BOTH},
    "strides": {"strides": 2, "padding": "same", "return_sequences": True},
    "strides_valid": {"strides": 2},
    "dilation": {"dilation_rate": 2, "padding": "same"},
    "no_bias": {"use_bias": False},
    "no_unit_forget_bias": {"unit_forget_bias": False},
    "activation": {"activation": "softsign", "recurrent_activation": "hard_sigmoid"},
    "activation_of_sums": {"activation": "silu", "recurrent_activation": "elu", **BOTH},
    "no_activation": {"activation": None},
    "not_unrolled": {"unroll": False},
    "big_kernel": {"kernel_size": 3, "padding": "same", "return_sequences": True},
}


def fill(family):
    """Add the cases of each rank."""
    for rank, size, state in KINDS:
        _one_rank(family, rank, size, state)


def _one_rank(family, rank, size, state):
    kind, short = f"ConvLSTM{rank}D", f"convlstm{rank}d"
    base = {"filters": 2, "kernel_size": 2, "unroll": True}
    x = normal(short, 2, 4, *size, 3)
    states = [0.5 * normal(f"{short} state {i}", 2, *state, 2) for i in range(2)]

    def add(name, options, tensors=None, inputs=x):
        config = {**base, **options}
        add_layer_case(family, f"{short}_{name}", kind, config, [inputs], tensors=tensors or {})

    for name, options in OPTIONS.items():
        if name != "not_unrolled" or rank == 1:
            add(name, options)
    add("initial_state", {"return_state": True}, {"initial_state": states})
    later = MASK | [True, False, False, False]
    add("initial_state_mask", BOTH, {"initial_state": states, "mask": later})
    add("mask", BOTH, {"mask": MASK})
    add("mask_backwards", {"go_backwards": True, **BOTH}, {"mask": MASK})
    add("mask_last", {}, {"mask": MASK})
    first = np.moveaxis(x, -1, 2)
    firsts = [np.moveaxis(state, -1, 1) for state in states]
    channels_first = {"data_format": "channels_first", **BOTH}
    add("channels_first", channels_first, {"initial_state": firsts}, first)
    add("channels_first_last", {**channels_first, "return_sequences": False}, inputs=first)
    several = [1 + axis for axis in range(rank)]
    add("sizes", {"kernel_size": several, "padding": "same", "strides": several[::-1]})
    add("one_time_step", {}, inputs=x[:, :1])
    add_stateful(
        family,
        f"{short}_stateful",
        kind,
        {**base, "stateful": True},
        [normal(f"{short} call {i}", 2, 3, *size, 3) for i in range(3)],
    )
    inside = {"class_name": kind, "config": {**base, "return_sequences": True}}
    whole = {"layer": inside}
    add_layer_case(family, f"bi_{short}", "Bidirectional", whole, [x])
    last = {"layer": {"class_name": kind, "config": base}, "merge_mode": "sum"}
    add_layer_case(family, f"bi_{short}_last", "Bidirectional", last, [x])
    videos = normal(f"{short} videos", 2, 2, 3, *size, 3)
    add_layer_case(family, f"each_{short}", "TimeDistributed", whole, [videos])
