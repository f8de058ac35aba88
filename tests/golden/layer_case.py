"""Run one layer of real Keras forward and backward and store what came out."""

import inspect

import jax
import jax.numpy as jnp
import keras
import numpy as np

from store import seeded


def make_layer(kind, config):
    """Build a Keras layer from its class name and constructor arguments; nested layers are
    `{"class_name", "config"}`."""

    def made(value):
        if isinstance(value, list):
            return [made(item) for item in value]
        is_layer = isinstance(value, dict) and "class_name" in value
        return make_layer(value["class_name"], value["config"]) if is_layer else value

    arguments = {key: made(value) for key, value in config.items()}
    if kind == "Sequential":
        return keras.Sequential(
            [make_layer(part["class_name"], part["config"]) for part in config["layers"]]
        )
    return getattr(keras.layers, kind)(**arguments)


def set_random_weights(layer, rng):
    """Give every weight moderate random values; those that are variances stay positive, scales stay
    near one."""
    for weight in layer.weights:
        noise = rng.standard_normal(weight.shape)
        if "variance" in weight.name:
            noise = 0.5 + np.abs(noise)
        elif "gamma" in weight.name:
            noise = 1.0 + 0.3 * noise
        elif "state" in weight.name:
            noise = 0.0 * noise
        else:
            noise = 0.5 * noise
        weight.assign(noise)


def add_layer_case(
    family,
    name,
    kind,
    config,
    inputs,
    *,
    tensors=None,
    call=None,
    training=None,
    as_list=False,
    gradients=True,
    keras_only=None,
    tolerance=None,
):
    """Add the values and gradients of one call `layer(*inputs, **tensors, **call,
    training=training)`.

    Args:
        inputs: Arrays given by position (as one list if `as_list`).
        tensors: Arrays given by keyword (`mask`, `initial_state`: an array or a list of arrays).
        call: Plain keyword arguments (`use_causal_mask`, …).
        keras_only: Keyword arguments for Keras that the case does not name; all outputs but the
            first are then dropped.
        tolerance: Relative error up to which the numbers themselves are good, if that is more than
            float64's.
        gradients: Also store the gradients of sum(outputs * cotangents).
    """
    rng = seeded(family.name, name)
    call, tensors = dict(call or {}), dict(tensors or {})
    layer = make_layer(kind, config)
    keywords = {**call, **(keras_only or {})}
    if training is not None and "training" in inspect.signature(layer.call).parameters:
        keywords["training"] = training

    def arguments(inputs, tensors):
        return ([list(inputs)] if as_list else list(inputs)), {**tensors, **keywords}

    positional, named = arguments(
        [jnp.asarray(x) for x in inputs], jax.tree.map(jnp.asarray, tensors)
    )
    layer(*positional, **named)  # builds
    set_random_weights(layer, rng)
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()  # Normalization keeps copies of its weights
    weights = [
        weight.astype(np.int64) if weight.dtype.kind == "i" else weight
        for weight in layer.get_weights()
    ]
    trainable = [v.value for v in layer.trainable_variables]
    state = [v.value for v in layer.non_trainable_variables]

    def run(trainable, inputs, tensors):
        positional, named = arguments(inputs, tensors)
        outputs, updated = layer.stateless_call(trainable, state, *positional, **named)
        outputs = jax.tree.leaves(outputs)
        return outputs[:1] if keras_only else outputs, updated

    outputs, updated = run(
        trainable, [jnp.asarray(x) for x in inputs], jax.tree.map(jnp.asarray, tensors)
    )
    stored = {
        "inputs": inputs,
        "weights": weights,
        **tensors,
        "outputs": outputs,
    }
    if any(not np.array_equal(old, new) for old, new in zip(state, updated, strict=True)):
        for variable, value in zip(layer.non_trainable_variables, updated, strict=True):
            variable.assign(value)
        stored["updated_weights"] = layer.get_weights()
    if gradients:
        cotangents = [rng.standard_normal(out.shape) for out in outputs]
        float_inputs = [i for i, x in enumerate(inputs) if np.asarray(x).dtype.kind == "f"]
        float_tensors = {
            key: value
            for key, value in tensors.items()
            if all(leaf.dtype.kind == "f" for leaf in jax.tree.leaves(value))
        }

        def objective(trainable, some_inputs, some_tensors):
            full = [jnp.asarray(x) for x in inputs]
            for i, x in zip(float_inputs, some_inputs, strict=True):
                full[i] = x
            outs, _ = run(trainable, full, {**jax.tree.map(jnp.asarray, tensors), **some_tensors})
            return sum(jnp.sum(out * ct) for out, ct in zip(outs, cotangents, strict=True))

        grads = jax.grad(objective, argnums=(0, 1, 2))(
            trainable,
            [jnp.asarray(inputs[i]) for i in float_inputs],
            jax.tree.map(jnp.asarray, float_tensors),
        )
        stored["cotangents"] = cotangents
        stored["grad_weights"] = grads[0]
        if float_inputs:
            stored["grad_inputs"] = grads[1]
        for key, value in grads[2].items():
            stored[f"grad_{key}"] = value
    fields = {"kind": kind, "config": config, "call": call}
    if training is not None:
        fields["training"] = training
    if tolerance is not None:
        fields["tolerance"] = tolerance
    if as_list:
        fields["as_list"] = True
    fields["trainable"] = [
        any(weight is other for other in layer.trainable_weights) for weight in layer.weights
    ]
    family.add(name, fields, stored)


def normal(name, *shape):
    """Return standard normal numbers that depend on the name and the shape alone."""
    return seeded(name, str(shape)).standard_normal(shape)
