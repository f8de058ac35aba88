use serde_json::{Value, json};

use crate::layers::create;
use crate::shape::Shape;
use crate::testing::{Array, Case, assert_close, check_gradients};

const KINDS: [(&str, &[usize]); 3] = [
    ("ConvLSTM1D", &[5]),
    ("ConvLSTM2D", &[3, 4]),
    ("ConvLSTM3D", &[2, 3, 2]),
];

/// A case over two sequences of three steps, whose images have these sizes and two channels; with initial states of
/// their sizes if asked for.
fn case(kind: &'static str, size: &[usize], config: Value, given: bool) -> Case {
    let (config, filters) = {
        let mut config = config;
        config["filters"] = json!(2);
        (config, 2)
    };
    let shape = |front: &[usize]| [front, size, &[filters]].concat();
    let mut inputs = vec![Array::random(&shape(&[2, 3]), 1)];
    if given {
        inputs.extend([2, 3].map(|seed| Array::random(&shape(&[2]), seed)));
    }
    Case {
        kind,
        config,
        call: given.then(|| json!({"num_states": 2})),
        inputs,
        ..Case::default()
    }
}

fn mask() -> Vec<Option<Array>> {
    vec![Some(Array::new(&[2, 3], &[1.0, 0.0, 1.0, 0.0, 1.0, 0.0]))]
}

#[test]
fn a_step_sees_its_neighbours() {
    // Gates without activations: i, f and g are the sums over x(left), x and h(left), h; o is 1 by its bias alone.
    let identity = json!({"filters": 1, "kernel_size": 2, "padding": "same", "activation": null,
        "recurrent_activation": null, "return_state": true});
    let pick = [0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    let case = Case {
        kind: "ConvLSTM1D",
        config: identity,
        call: Some(json!({"num_states": 2})),
        inputs: vec![
            Array::new(&[1, 1, 3, 1], &[1.0, 2.0, 3.0]),
            Array::new(&[1, 3, 1], &[10.0, 20.0, 30.0]),
            Array::new(&[1, 3, 1], &[0.0; 3]),
        ],
        // i = x(right), g = x + h, o = 1
        weights: vec![
            pick.to_vec(),
            vec![0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            vec![0.0, 0.0, 0.0, 1.0],
        ],
        ..Case::default()
    };
    // An even window has its odd place at the end: each place sees itself and the one to its right.
    let expected = [2.0 * 11.0, 3.0 * 22.0, 0.0];
    for output in case.outputs::<f64>().unwrap() {
        assert_close::<f64>(&output.values, &expected, 0.0);
    }
}

#[test]
fn over_single_pixels_it_is_an_lstm() {
    for (kind, size) in [
        ("ConvLSTM1D", &[1][..]),
        ("ConvLSTM2D", &[1, 1]),
        ("ConvLSTM3D", &[1, 1, 1]),
    ] {
        for config in [
            json!({}),
            json!({"return_sequences": true, "return_state": true}),
            json!({"go_backwards": true, "return_sequences": true, "activation": "silu"}),
            json!({"zero_output_for_mask": true, "return_sequences": true, "use_bias": false}),
            json!({"zero_output_for_mask": true, "recurrent_activation": "relu"}),
        ] {
            let mut convolved = case(kind, size, config.clone(), true);
            convolved.config["kernel_size"] = json!(1);
            convolved.masks = mask();
            convolved.weights = vec![
                Array::random(&[16], 4).values,
                Array::random(&[16], 5).values,
                Array::random(&[8], 6).values,
            ];
            if config["use_bias"] == false {
                convolved.weights.pop();
            }
            let mut plain = convolved.clone();
            plain.kind = "LSTM";
            plain.config = config;
            plain.config["units"] = json!(2);
            for input in &mut plain.inputs {
                input.shape.retain(|&n| n > 1);
            }
            let expected = plain.outputs::<f64>().unwrap();
            let outputs = convolved.outputs::<f64>().unwrap();
            assert_eq!(outputs.len(), expected.len());
            for (output, expected) in outputs.iter().zip(&expected) {
                assert_close(&output.values, &expected.values, 1e-12);
            }
        }
    }
}

#[test]
fn gradients_agree_with_differences() {
    for (kind, size) in KINDS {
        for (config, given) in [
            (json!({"kernel_size": 2}), false),
            (
                json!({"kernel_size": 3, "padding": "same", "return_sequences": true, "return_state": true}),
                true,
            ),
            (
                json!({"kernel_size": 1, "go_backwards": true, "return_sequences": true, "use_bias": false}),
                true,
            ),
            (
                json!({"kernel_size": 2, "strides": 2, "padding": "same", "activation": "silu",
                    "recurrent_activation": "silu", "return_sequences": true}),
                false,
            ),
            (
                json!({"kernel_size": 2, "dilation_rate": 2, "padding": "same", "zero_output_for_mask": true,
                    "return_sequences": true}),
                true,
            ),
        ] {
            let mut case = case(kind, size, config, given);
            check_gradients(&case);
            case.masks = mask();
            check_gradients(&case);
        }
    }
}

#[test]
fn gradients_pass_dropout() {
    for (kind, size) in KINDS {
        for config in [
            json!({"kernel_size": 2, "dropout": 0.4}),
            json!({"kernel_size": 2, "recurrent_dropout": 0.4, "return_sequences": true}),
            json!({"kernel_size": 2, "dropout": 0.3, "recurrent_dropout": 0.3, "go_backwards": true, "seed": 5}),
        ] {
            let mut case = case(kind, size, config, false);
            case.training = true;
            check_gradients(&case);
            case.masks = mask();
            check_gradients(&case);
        }
    }
}

#[test]
fn dropout_keeps_the_mean_and_is_the_same_in_all_steps() {
    // The candidate alone, without a cell that is kept: the output is the sum of the inputs that are left.
    let case = Case {
        kind: "ConvLSTM2D",
        config: json!({"filters": 1, "kernel_size": 1, "activation": null, "recurrent_activation": null,
            "dropout": 0.25, "return_sequences": true}),
        inputs: vec![Array::new(&[4, 3, 20, 20, 1], &[1.0; 4800])],
        weights: vec![
            vec![0.0, 0.0, 1.0, 0.0],
            vec![0.0; 4],
            vec![1.0, 0.0, 0.0, 1.0],
        ],
        training: true,
        ..Case::default()
    };
    let y = &case.outputs::<f32>().unwrap()[0].values;
    assert!(y.iter().all(|&v| v == 0.0 || (v - 4.0 / 3.0).abs() < 1e-6));
    let mean = y.iter().sum::<f64>() / y.len() as f64;
    assert!((mean - 1.0).abs() < 0.06, "{mean}");
    for sequence in y.chunks(1200) {
        assert_eq!(sequence[..400], sequence[400..800]);
        assert_eq!(sequence[..400], sequence[800..]);
    }
    assert_ne!(y[..400], y[1200..1600]);
}

#[test]
fn channels_first_gives_what_channels_last_gives_moved() {
    let config = |format| json!({"filters": 1, "kernel_size": 1, "data_format": format, "return_sequences": true, "return_state": true});
    let with = |format, shape: &[usize], values: &[f64]| Case {
        kind: "ConvLSTM1D",
        config: config(format),
        inputs: vec![Array::new(shape, values)],
        weights: vec![Array::random(&[8], 1).values, vec![0.5; 4], vec![0.0; 4]],
        ..Case::default()
    };
    let last = with("channels_last", &[1, 1, 2, 2], &[1.0, 3.0, 2.0, 4.0]);
    let first = with("channels_first", &[1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let both = [&last, &first].map(|case| case.outputs::<f64>().unwrap());
    for (last, first) in both[0].iter().zip(&both[1]) {
        assert_eq!(last.values, first.values);
    }
    assert_eq!(both[1][0].shape, [1, 1, 1, 2]);
    assert_eq!(both[1][1].shape, [1, 1, 2]);
    check_gradients(&first);
}

#[test]
fn the_forget_gates_bias_starts_at_one() {
    for (config, expected) in [
        (
            json!({"filters": 1, "kernel_size": 1}),
            [0.0, 1.0, 0.0, 0.0],
        ),
        (
            json!({"filters": 1, "kernel_size": 1, "unit_forget_bias": false}),
            [0.0; 4],
        ),
    ] {
        let layer = create::<f32>("ConvLSTM2D", &config).unwrap();
        let bias = &layer.params(&[Shape::known(&[1, 1, 2, 2, 3])]).unwrap()[2];
        let mut values = [9.0f32; 4];
        bias.initializer.fill(&bias.shape, &mut values, 0).unwrap();
        assert_eq!(values, expected);
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let plain = || json!({"filters": 2, "kernel_size": 2});
    let with = |name: &str, value: Value| {
        let mut config = plain();
        config[name] = value;
        config
    };
    for (config, shape, states, expected) in [
        (
            plain(),
            &[2, 3, 4, 1][..],
            0,
            "expected sequences of shape (batch, time, height, width, channels), got input shape (2, 3, 4, 1). Add an axis for the time, x[:, None], or for the channels, x[..., None].",
        ),
        (
            with("kernel_size", json!(5)),
            &[2, 3, 4, 4, 1],
            0,
            "expected images of at least 5 x 5, as the window reaches, got shape (2, 4, 4, 1) of a step. Use a smaller window or padding=\"same\".",
        ),
        (
            with("padding", json!("causal")),
            &[2, 3, 4, 4, 1],
            0,
            "expected `padding` to be \"valid\" or \"same\", got \"causal\"",
        ),
        (
            with("recurrent_dropout", json!(1.0)),
            &[2, 3, 4, 4, 1],
            0,
            "expected `recurrent_dropout` of at least 0 and below 1, got 1. It is the share of the numbers that is dropped.",
        ),
        (
            with("activation", json!("softmax")),
            &[2, 3, 4, 4, 1],
            0,
            "expected activations that take each number alone, got Softmax",
        ),
        (
            json!({"filters": 2, "kernel_size": 2, "strides": 2, "dilation_rate": 2}),
            &[2, 3, 4, 4, 1],
            0,
            "expected `strides` or `dilation_rate` to be 1, got strides (2,) and dilation_rate (2,)",
        ),
        (
            plain(),
            &[2, 3, 4, 4, 1],
            1,
            "expected 2 initial states, got 1. Give `initial_state` one tensor of shape (batch, height, width, filters) for each state of ConvLSTM2D.",
        ),
        (
            plain(),
            &[2, 3, 4, 4, 1],
            2,
            "expected an initial state of shape (2, 3, 3, 2), got shape (2, 4, 4, 2)",
        ),
    ] {
        let mut inputs = vec![Array::random(shape, 1)];
        inputs.extend((0..states).map(|_| Array::random(&[2, 4, 4, 2], 2)));
        let case = Case {
            kind: "ConvLSTM2D",
            config,
            call: (states > 0).then(|| json!({"num_states": states})),
            inputs,
            ..Case::default()
        };
        assert_eq!(
            case.error(),
            format!("ConvLSTM2D \"convlstm2d\": {expected}")
        );
    }
}
