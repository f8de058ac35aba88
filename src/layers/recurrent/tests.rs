//! Every recurrence against a plain slow twin, finite differences and itself under other options.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::graph::{Graph, GraphSpec, NodeSpec};
use crate::layers::create;
use crate::named_layer::NamedLayer;
use crate::parallel;
use crate::runner::Runner;
use crate::shape::Shape;
use crate::testing::{Array, Case, assert_close, check_gradients};

const KINDS: [(&str, Value); 4] = [
    ("SimpleRNN", Value::Null),
    ("LSTM", Value::Null),
    ("GRU", Value::Bool(true)),
    ("GRU", Value::Bool(false)),
];

fn gates(kind: &str) -> usize {
    match kind {
        "SimpleRNN" => 1,
        "LSTM" => 4,
        _ => 3,
    }
}

fn states(kind: &str) -> usize {
    if kind == "LSTM" { 2 } else { 1 }
}

/// A case with `config` for a kind and its `reset_after`, random inputs and weights, and initial states if asked for.
fn case(
    (kind, reset_after): &(&'static str, Value),
    [batch, time, input, units]: [usize; 4],
    config: Value,
    given: bool,
) -> Case {
    let mut config = config;
    config["units"] = json!(units);
    if !reset_after.is_null() {
        config["reset_after"] = reset_after.clone();
    }
    let width = gates(kind) * units;
    let bias = if *reset_after == true {
        2 * width
    } else {
        width
    };
    let mut weights = vec![
        Array::random(&[input, width], 1).values,
        Array::random(&[units, width], 2).values,
    ];
    if config["use_bias"] != false {
        weights.push(Array::random(&[bias], 3).values);
    }
    let mut inputs = vec![Array::random(&[batch, time, input], 4)];
    if given {
        inputs.extend((0..states(kind)).map(|i| Array::random(&[batch, units], 5 + i as u64)));
    }
    let call = given.then(|| json!({"num_states": states(kind)}));
    Case {
        kind,
        config,
        call,
        inputs,
        weights,
        ..Case::default()
    }
}

/// A mask with holes at the start, in the middle and at the end, other ones in each row.
fn holes(batch: usize, time: usize) -> Array {
    let keep = |i: usize| f64::from(!(i * 7 + i / 5).is_multiple_of(3));
    Array::new(
        &[batch, time],
        &(0..batch * time).map(keep).collect::<Vec<_>>(),
    )
}

/// What Keras's formulas give, sequence by sequence: the outputs of the layer.
fn twin(case: &Case) -> Vec<Vec<f64>> {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let option = |name: &str| case.config[name] == true;
    let &[batch, time, input] = &case.inputs[0].shape[..] else {
        panic!("three axes")
    };
    let units = case.config["units"].as_u64().unwrap() as usize;
    let width = gates(case.kind) * units;
    let reset_after = case.kind == "GRU" && option("reset_after");
    let zeros = vec![0.0; 2 * width];
    let bias = case.weights.get(2).unwrap_or(&zeros);
    let recurrent_bias = if reset_after { &bias[width..] } else { &zeros };
    let (mut ys, mut hs, mut cs) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..batch {
        let start = |i: usize| {
            case.inputs.get(i).map_or(vec![0.0; units], |s| {
                s.values[row * units..][..units].to_vec()
            })
        };
        let (mut h, mut c) = (start(1), start(2));
        let mut last = vec![0.0; units];
        for step in 0..time {
            let t = if option("go_backwards") {
                time - 1 - step
            } else {
                step
            };
            let x = &case.inputs[0].values[(row * time + t) * input..][..input];
            let skipped = matches!(case.masks.first(), Some(Some(mask)) if mask.values[row * time + t] == 0.0);
            let dot = |v: &[f64], weight: usize, column: usize| -> f64 {
                v.iter()
                    .enumerate()
                    .map(|(k, v)| v * case.weights[weight][k * width + column])
                    .sum()
            };
            let from_x =
                |gate: usize, k: usize| dot(x, 0, gate * units + k) + bias[gate * units + k];
            let from_h = |h: &[f64], gate: usize, k: usize| {
                dot(h, 1, gate * units + k) + recurrent_bias[gate * units + k]
            };
            let sum = |gate: usize, k: usize| from_x(gate, k) + from_h(&h, gate, k);
            let (mut new_h, mut new_c) = (h.clone(), c.clone());
            for k in 0..units {
                match case.kind {
                    "SimpleRNN" => new_h[k] = sum(0, k).tanh(),
                    "LSTM" => {
                        let [i, f, o] = [0, 1, 3].map(|gate| sigmoid(sum(gate, k)));
                        new_c[k] = f * c[k] + i * sum(2, k).tanh();
                        new_h[k] = o * new_c[k].tanh();
                    }
                    _ => {
                        let reset = |k| sigmoid(sum(1, k));
                        let n = if reset_after {
                            from_x(2, k) + reset(k) * from_h(&h, 2, k)
                        } else {
                            let reset_h: Vec<f64> = (0..units).map(|k| reset(k) * h[k]).collect();
                            from_x(2, k) + from_h(&reset_h, 2, k)
                        };
                        let z = sigmoid(sum(0, k));
                        new_h[k] = z * h[k] + (1.0 - z) * n.tanh();
                    }
                }
            }
            if !skipped {
                (h, c) = (new_h, new_c);
            }
            last = if skipped && option("zero_output_for_mask") {
                vec![0.0; units]
            } else {
                h.clone()
            };
            if option("return_sequences") {
                ys.extend(&last);
            }
        }
        if !option("return_sequences") {
            ys.extend(&last);
        }
        hs.extend(h);
        cs.extend(c);
    }
    let mut outputs = vec![ys];
    if option("return_state") {
        outputs.extend([hs, cs].into_iter().take(states(case.kind)));
    }
    outputs
}

/// Options that change what is computed, and whether a mask comes.
fn variants() -> Vec<(Value, bool)> {
    vec![
        (json!({}), false),
        (json!({"return_sequences": true}), false),
        (json!({"return_state": true, "use_bias": false}), true),
        (
            json!({"return_sequences": true, "return_state": true}),
            true,
        ),
        (
            json!({"return_sequences": true, "go_backwards": true}),
            true,
        ),
        (
            json!({"return_sequences": true, "zero_output_for_mask": true, "return_state": true}),
            true,
        ),
        (
            json!({"go_backwards": true, "zero_output_for_mask": true}),
            true,
        ),
    ]
}

#[test]
fn outputs_are_those_of_the_slow_twin() {
    for kind in &KINDS {
        for (config, masked) in variants() {
            for given in [false, true] {
                for [batch, time, input, units] in [
                    [3, 5, 2, 4],
                    [1, 1, 3, 1],
                    [19, 40, 5, 3],
                    [9, 6, 3, 17],
                    [34, 3, 5, 66],
                ] {
                    let mut case = case(kind, [batch, time, input, units], config.clone(), given);
                    if masked {
                        case.masks = vec![Some(holes(batch, time))];
                    }
                    let outputs = case.outputs::<f64>().unwrap();
                    let in_f32 = case.outputs::<f32>().unwrap();
                    let expected = twin(&case);
                    assert_eq!(outputs.len(), expected.len(), "{case:?}");
                    for ((output, in_f32), expected) in outputs.iter().zip(in_f32).zip(&expected) {
                        assert_close(&output.values, expected, 1e-12);
                        assert_close(&in_f32.values, expected, 1e-5);
                    }
                }
            }
        }
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for kind in &KINDS {
        for (config, masked) in variants() {
            for given in [false, true] {
                let mut case = case(kind, [2, 4, 2, 3], config.clone(), given);
                if masked {
                    case.masks = vec![Some(holes(2, 4))];
                }
                check_gradients(&case);
            }
        }
    }
}

#[test]
fn gradients_pass_several_chunks_and_windows() {
    for kind in &KINDS {
        check_gradients(&case(
            kind,
            [17, 17, 1, 1],
            json!({"return_sequences": true}),
            false,
        ));
    }
}

#[test]
fn gradients_pass_dropout() {
    for kind in &KINDS {
        for config in [
            json!({"dropout": 0.4}),
            json!({"recurrent_dropout": 0.4, "return_sequences": true}),
            json!({"dropout": 0.3, "recurrent_dropout": 0.3, "go_backwards": true}),
        ] {
            let mut case = case(kind, [2, 3, 3, 2], config, true);
            case.training = true;
            check_gradients(&case);
            case.masks = vec![Some(holes(2, 3))];
            check_gradients(&case);
        }
    }
}

#[test]
fn gradients_pass_activations_whose_slope_needs_their_argument() {
    for kind in &KINDS {
        let mut config = json!({"activation": "silu", "return_sequences": true});
        check_gradients(&case(kind, [2, 3, 2, 2], config.clone(), true));
        if kind.0 != "SimpleRNN" {
            config["recurrent_activation"] = json!("silu");
            check_gradients(&case(kind, [2, 3, 2, 2], config, true));
        }
    }
}

#[test]
fn dropout_keeps_the_mean_and_is_the_same_in_all_steps() {
    // With an identity kernel and no recurrence the output shows the mask.
    let units = 50;
    let eye = |gate: usize, gates: usize| -> Vec<f64> {
        (0..units * units * gates)
            .map(|i| f64::from(i % (units * gates) == gate * units + i / (units * gates)))
            .collect()
    };
    let case = Case {
        kind: "SimpleRNN",
        config: json!({"units": units, "activation": "linear", "dropout": 0.25, "return_sequences": true, "use_bias": false}),
        inputs: vec![Array::new(&[20, 3, units], &vec![1.0; 20 * 3 * units])],
        weights: vec![eye(0, 1), vec![0.0; units * units]],
        training: true,
        ..Case::default()
    };
    let y = &case.outputs::<f32>().unwrap()[0].values;
    assert!(y.iter().all(|&v| v == 0.0 || (v - 4.0 / 3.0).abs() < 1e-6));
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    assert!((mean - 1.0).abs() < 0.06, "{mean}");
    for row in y.chunks(3 * units) {
        assert_eq!(row[..units], row[units..2 * units]);
        assert_eq!(row[..units], row[2 * units..]);
    }
    assert_ne!(y[..units], y[3 * units..4 * units]);
    let inference = Case {
        training: false,
        ..case
    };
    assert!(
        inference.outputs::<f32>().unwrap()[0]
            .values
            .iter()
            .all(|&v| v == 1.0)
    );
}

#[test]
fn rows_of_a_batch_do_not_meet() {
    for kind in &KINDS {
        let [batch, time, input, units] = [21, 7, 3, 5];
        let whole = case(
            kind,
            [batch, time, input, units],
            json!({"return_sequences": true}),
            false,
        );
        let outputs = whole.outputs::<f32>().unwrap();
        for row in [0, 8, 20] {
            let mut single = whole.clone();
            let x = whole.inputs[0].values[row * time * input..][..time * input].to_vec();
            single.inputs = vec![Array::new(&[1, time, input], &x)];
            let y = &single.outputs::<f32>().unwrap()[0].values;
            assert_close(
                y,
                &outputs[0].values[row * time * units..][..time * units],
                1e-6,
            );
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    // Threads share out rows, or the units of rows that are too few.
    let sizes = [[37, 9, 5, 6], [1, 5, 300, 150], [5, 3, 20, 150]];
    for (kind, sizes) in KINDS
        .iter()
        .flat_map(|kind| sizes.map(|sizes| (kind, sizes)))
    {
        let case = case(
            kind,
            sizes,
            json!({"return_sequences": true, "return_state": true}),
            true,
        );
        let alone = parallel::serial(|| case.outputs::<f32>().unwrap());
        for threads in [2, 3, 8] {
            parallel::set_num_threads(Some(threads)).unwrap();
            let outputs = parallel::install(|| case.outputs::<f32>().unwrap());
            parallel::set_num_threads(None).unwrap();
            assert_eq!(alone, outputs);
        }
    }
}

#[test]
fn mistakes_are_told() {
    let x = || vec![Array::random(&[2, 3, 4], 0)];
    let lstm = |config: Value, inputs: Vec<Array>| Case {
        kind: "LSTM",
        config,
        inputs,
        ..Case::default()
    };
    let with_states = |inputs: Vec<Array>, num_states: usize| Case {
        call: Some(json!({"num_states": num_states})),
        ..lstm(json!({"units": 5}), inputs)
    };
    let state = |sizes: [usize; 2]| Array::random(&sizes, 0);
    for (case, text) in [
        (
            lstm(json!({"units": 0}), x()),
            "LSTM \"lstm\": expected `units` from 1 to 68719476736, got 0",
        ),
        (
            lstm(json!({"units": 5, "dropout": 1.0}), x()),
            "LSTM \"lstm\": expected `dropout` of at least 0 and below 1, got 1. It is the share of the numbers that is dropped.",
        ),
        (
            lstm(json!({"units": 5, "recurrent_dropout": -0.5}), x()),
            "LSTM \"lstm\": expected `recurrent_dropout` of at least 0 and below 1, got -0.5. It is the share of the numbers that is dropped.",
        ),
        (
            lstm(json!({"units": 5, "reset_after": true}), x()),
            "LSTM \"lstm\": expected options of LSTM, got `reset_after`",
        ),
        (
            lstm(json!({"units": 5, "use_cudnn": 3}), x()),
            "LSTM \"lstm\": expected `use_cudnn` to be \"auto\", true or false, got 3",
        ),
        (
            lstm(json!({"units": 5}), vec![Array::random(&[2, 3], 0)]),
            "LSTM \"lstm\": expected sequences of shape (batch, time, features), got input shape (2, 3). Reshape the input to three axes.",
        ),
        (
            lstm(json!({"units": 5}), vec![Array::random(&[2, 0, 3], 0)]),
            "LSTM \"lstm\": expected sequences of at least one step, got input shape (2, 0, 3)",
        ),
        (
            lstm(json!({"units": 5}), vec![Array::random(&[2, 3, 0], 0)]),
            "LSTM \"lstm\": expected a known, positive number of features in the last axis, got input shape (2, 3, 0)",
        ),
        (
            with_states(vec![x().remove(0), state([2, 5])], 1),
            "LSTM \"lstm\": expected 2 initial states, got 1. Give `initial_state` one tensor of shape (batch, units) for each state of LSTM.",
        ),
        (
            with_states(vec![x().remove(0), state([2, 5]), state([2, 4])], 2),
            "LSTM \"lstm\": expected an initial state of shape (2, 5), got shape (2, 4)",
        ),
        (
            with_states(vec![x().remove(0), state([2, 5]), state([3, 5])], 2),
            "LSTM \"lstm\": expected an initial state of shape (2, 5), got shape (3, 5)",
        ),
    ] {
        assert_eq!(case.error(), text);
    }
}

/// A runner of one stateful layer over batches of 2 sequences of 3 steps of 1 number.
fn stateful(kind: &str) -> Runner<f64> {
    let named =
        |kind: &str, config: Value| Arc::new(NamedLayer::new(kind, kind, config, None).unwrap());
    let layers = vec![
        named("InputLayer", json!({"shape": [2, null, 1]})),
        named(
            kind,
            json!({"units": 4, "stateful": true, "return_sequences": true}),
        ),
    ];
    let nodes = vec![
        NodeSpec {
            layer: 0,
            ..NodeSpec::default()
        },
        NodeSpec {
            layer: 1,
            inputs: vec![(0, 0)],
            ..NodeSpec::default()
        },
    ];
    let spec = GraphSpec {
        nodes,
        inputs: vec![0],
        outputs: vec![(1, 0)],
    };
    Runner::new(Graph::new(layers, &spec, 7).unwrap(), 11).unwrap()
}

#[test]
fn a_stateful_layer_goes_on_where_the_batch_before_ended() {
    for kind in ["SimpleRNN", "LSTM", "GRU"] {
        let x = Array::random(&[2, 6, 1], 1).values;
        let half =
            |from: usize| -> Vec<f64> { [&x[from..from + 3], &x[6 + from..6 + from + 3]].concat() };
        let mut runner = stateful(kind);
        let mut run = |x: &[f64]| {
            runner
                .predict(&[(&[2, x.len() / 2, 1], x)], false)
                .unwrap()
                .remove(0)
                .1
        };
        let (first, second) = (run(&half(0)), run(&half(3)));
        let whole = stateful(kind)
            .predict(&[(&[2, 6, 1], &x)], false)
            .unwrap()
            .remove(0)
            .1;
        for row in 0..2 {
            assert_close(&first[row * 12..][..12], &whole[row * 24..][..12], 1e-15);
            assert_close(
                &second[row * 12..][..12],
                &whole[row * 24 + 12..][..12],
                1e-15,
            );
        }
    }
}

#[test]
fn a_stateful_layer_needs_a_known_batch() {
    let layer = create::<f32>("GRU", &json!({"units": 4, "stateful": true})).unwrap();
    let error = layer
        .output_shapes(&[Shape::from([None, Some(3), Some(1)])])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected a known batch size, as `stateful` keeps a state for each sequence, got input shape (None, 3, 1). Give the \
         model's input its `batch_size` or `batch_shape`."
    );
}
