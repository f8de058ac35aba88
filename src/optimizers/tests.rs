//! Every optimizer against a slow twin written from Keras's formulas, element by element in f64.

use super::*;
use crate::constraint::Constraint;
use crate::kernels::optimizer::CHUNK;
use crate::parallel;
use serde_json::{Value, json};

/// Two weights: one over several chunks, one of a few elements; the gaps between them belong to others.
fn segments() -> Vec<Segment> {
    let segment = |name: &str, shape: &[usize], value, grad| Segment {
        name: name.into(),
        owner: (0, 0),
        shape: shape.to_vec(),
        value,
        grad,
        constraint: None,
        decay: true,
    };
    vec![
        segment("dense/kernel", &[3, CHUNK], 2, 0),
        segment("dense/bias", &[5], 3 * CHUNK + 10, 3 * CHUNK),
    ]
}

const VALUES: usize = 3 * CHUNK + 20;
const GRADS: usize = 3 * CHUNK + 5;

fn gradient(step: usize, i: usize) -> f64 {
    ((i * 7 + step * 13) % 23) as f64 / 10.0 - 1.0
}

fn start() -> Vec<f64> {
    (0..VALUES)
        .map(|i| ((i * 5) % 17) as f64 / 8.0 - 1.0)
        .collect()
}

/// Runs `steps` steps and returns the weights after each.
fn run(
    state: &mut OptimizerState<f64>,
    segments: &[Segment],
    from: usize,
    steps: usize,
    values: &mut [f64],
) -> Vec<Vec<f64>> {
    (from..from + steps)
        .map(|step| {
            let mut grads: Vec<f64> = (0..GRADS).map(|i| gradient(step, i)).collect();
            parallel::install(|| state.apply(values, &mut grads, segments, None)).unwrap();
            values.to_vec()
        })
        .collect()
}

/// One element by Keras's formulas: `slots` are what it remembers.
fn twin(class_name: &str, c: &Value, t: i32, lr: f64, w: f64, g: f64, s: &mut [f64; 3]) -> f64 {
    let of = |field: &str, default: f64| c.get(field).and_then(Value::as_f64).unwrap_or(default);
    let is = |field: &str| c.get(field).and_then(Value::as_bool).unwrap_or(false);
    match class_name {
        "SGD" => {
            let momentum = of("momentum", 0.0);
            if momentum == 0.0 {
                return w - g * lr;
            }
            s[0] = s[0] * momentum - g * lr;
            if is("nesterov") {
                w + s[0] * momentum - g * lr
            } else {
                w + s[0]
            }
        }
        "RMSprop" => {
            let (rho, momentum, epsilon) =
                (of("rho", 0.9), of("momentum", 0.0), of("epsilon", 1e-7));
            s[0] = rho * s[0] + (1.0 - rho) * g * g;
            let mut denominator = s[0] + epsilon;
            if is("centered") {
                s[1] = rho * s[1] + (1.0 - rho) * g;
                denominator -= s[1] * s[1];
            }
            let increment = lr * g / denominator.sqrt();
            s[2] = momentum * s[2] + increment;
            w - s[2]
        }
        _ => {
            let (b1, b2, epsilon) = (of("beta_1", 0.9), of("beta_2", 0.999), of("epsilon", 1e-7));
            let alpha = lr * (1.0 - b2.powi(t)).sqrt() / (1.0 - b1.powi(t));
            s[0] += (g - s[0]) * (1.0 - b1);
            s[1] += (g * g - s[1]) * (1.0 - b2);
            s[2] = s[2].max(s[1]);
            w - s[0] * alpha / (if is("amsgrad") { s[2] } else { s[1] }.sqrt() + epsilon)
        }
    }
}

#[test]
fn optimizers_follow_keras_formulas() {
    for (class_name, config) in [
        ("SGD", json!({"learning_rate": 0.1})),
        ("SGD", json!({"learning_rate": 0.1, "momentum": 0.9})),
        (
            "SGD",
            json!({"learning_rate": 0.1, "momentum": 0.9, "nesterov": true}),
        ),
        ("Adam", json!({})),
        (
            "Adam",
            json!({"learning_rate": 0.01, "beta_1": 0.8, "beta_2": 0.99, "amsgrad": true}),
        ),
        ("AdamW", json!({"weight_decay": 0.1})),
        ("RMSprop", json!({})),
        ("RMSprop", json!({"momentum": 0.9})),
        ("RMSprop", json!({"centered": true, "rho": 0.8})),
        (
            "RMSprop",
            json!({"centered": true, "momentum": 0.5, "weight_decay": 0.01}),
        ),
    ] {
        let segments = segments();
        let value = json!({"class_name": class_name, "config": config});
        let mut state = OptimizerState::<f64>::from_config(&value, &segments).unwrap();
        let lr = state.learning_rate();
        let decay = config
            .get("weight_decay")
            .and_then(Value::as_f64)
            .unwrap_or(0.0);
        let mut values = start();
        let steps = run(&mut state, &segments, 0, 5, &mut values);
        for segment in &segments {
            for i in (0..segment.len()).step_by(97) {
                let (mut w, mut slots) = (start()[segment.value + i], [0.0; 3]);
                for (step, got) in steps.iter().enumerate() {
                    let g = gradient(step, segment.grad + i);
                    w = twin(
                        class_name,
                        &config,
                        step as i32 + 1,
                        lr,
                        w - w * decay * lr,
                        g,
                        &mut slots,
                    );
                    let got = got[segment.value + i];
                    assert!(
                        (got - w).abs() < 1e-12,
                        "{value} step {step} element {i}: {got} for {w}"
                    );
                }
            }
        }
        let untouched = |i: &usize| {
            segments
                .iter()
                .all(|s| !(s.value..s.value + s.len()).contains(i))
        };
        assert!(
            (0..VALUES)
                .filter(untouched)
                .all(|i| values[i] == start()[i]),
            "{value}: other values stay"
        );
        assert_eq!(state.iterations(), 5);
    }
}

/// A state over one weight of two elements, and its weights after each of the gradients.
fn small(
    config: Value,
    constraint: Option<Constraint>,
    grads: &[[f64; 2]],
) -> (OptimizerState<f64>, Vec<[f64; 2]>) {
    let segments = [small_segment(constraint)];
    let value = json!({"class_name": "SGD", "config": config});
    let mut state = OptimizerState::from_config(&value, &segments).unwrap();
    let mut values = [1.0, -2.0];
    let mut all = Vec::new();
    for grads in grads {
        state
            .apply(&mut values, &mut grads.clone(), &segments, None)
            .unwrap();
        all.push(values);
    }
    (state, all)
}

fn small_segment(constraint: Option<Constraint>) -> Segment {
    Segment {
        name: "w".into(),
        owner: (0, 0),
        shape: vec![2],
        value: 0,
        grad: 0,
        constraint,
        decay: true,
    }
}

fn assert_near(got: &[[f64; 2]], wanted: &[[f64; 2]]) {
    let near = got
        .iter()
        .flatten()
        .zip(wanted.iter().flatten())
        .all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(near && got.len() == wanted.len(), "{got:?} for {wanted:?}");
}

#[test]
fn gradients_are_clipped_by_value_and_norm() {
    for (config, wanted) in [
        (
            json!({"learning_rate": 1.0, "clipvalue": 3.5}),
            [-2.0, -5.5],
        ),
        (json!({"learning_rate": 1.0, "clipnorm": 2.5}), [-0.5, -4.0]),
        (
            json!({"learning_rate": 1.0, "global_clipnorm": 2.5}),
            [-0.5, -4.0],
        ),
        (
            json!({"learning_rate": 1.0, "global_clipnorm": 9.0}),
            [-2.0, -6.0],
        ),
        (
            json!({"learning_rate": 1.0, "loss_scale_factor": 2.0}),
            [-0.5, -4.0],
        ),
    ] {
        assert_near(&small(config, None, &[[3.0, 4.0]]).1, &[wanted]);
    }
}

#[test]
fn an_infinite_global_norm_is_seen() {
    let (_, values) = small(
        json!({"global_clipnorm": 1.0}),
        None,
        &[[f64::INFINITY, 4.0]],
    );
    assert!(values[0].iter().all(|w| w.is_nan()));
}

#[test]
fn accumulated_gradients_make_one_update_of_their_mean() {
    let config = json!({"learning_rate": 1.0, "gradient_accumulation_steps": 2});
    let grads = [[1.0, 2.0], [3.0, 4.0], [1.0, 1.0], [1.0, 3.0]];
    let (state, values) = small(config, None, &grads);
    assert_near(
        &values,
        &[[1.0, -2.0], [-1.0, -5.0], [-1.0, -5.0], [-2.0, -7.0]],
    );
    assert_eq!((state.iterations(), state.steps()), (2, 4));
}

#[test]
fn averages_start_at_the_weights_and_overwrite_them_in_time() {
    let config = json!({"learning_rate": 1.0, "use_ema": true, "ema_momentum": 0.5, "ema_overwrite_frequency": 2});
    let (_, values) = small(config, None, &[[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]);
    // averages: 0, then (0 + -1) / 2, which the weights become
    assert_near(&values, &[[0.0, -2.0], [-0.5, -2.0], [-1.5, -2.0]]);

    let config = json!({"learning_rate": 1.0, "use_ema": true, "ema_momentum": 0.5});
    let (mut state, values) = small(config, None, &[[1.0, 0.0], [1.0, 0.0]]);
    let mut last = values[1];
    state.finalize(&mut last, &[small_segment(None)]).unwrap();
    assert_near(&[last], &[[-0.5, -2.0]]);
}

#[test]
fn averages_and_weights_change_places_and_back() {
    let config = json!({"learning_rate": 1.0, "use_ema": true, "ema_momentum": 0.5});
    let segments = [small_segment(None)];
    let (mut fresh, _) = small(config.clone(), None, &[]);
    let mut start = [1.0, -2.0];
    assert!(fresh.swap_averages(&mut start, &segments).unwrap());
    assert_near(&[start], &[[1.0, -2.0]]); // no step yet: an average is the weight itself

    let (mut state, values) = small(config, None, &[[1.0, 0.0], [1.0, 0.0]]);
    let mut last = values[1];
    assert!(state.swap_averages(&mut last, &segments).unwrap());
    assert_near(&[last], &[[-0.5, -2.0]]);
    assert!(!state.swap_averages(&mut last, &segments).unwrap());
    assert_near(&[last], &[[-1.0, -2.0]]);
    state.swap_averages(&mut last, &segments).unwrap();
    state.finalize(&mut last, &segments).unwrap(); // the averages, although they were there
    assert_near(&[last], &[[-0.5, -2.0]]);

    let (mut plain, _) = small(json!({}), None, &[]);
    let error = plain.swap_averages(&mut last, &segments).unwrap_err();
    assert!(error.to_string().contains("use_ema=True"), "{error}");
}

#[test]
fn constraints_hold_after_each_step() {
    let (_, values) = small(
        json!({"learning_rate": 1.0}),
        Some(Constraint::NonNeg),
        &[[0.5, 0.0]],
    );
    assert_near(&values, &[[0.5, 0.0]]);
}

#[test]
fn weights_without_decay_keep_their_size() {
    let segments = [Segment {
        decay: false,
        ..small_segment(None)
    }];
    let value = json!({"class_name": "SGD", "config": {"weight_decay": 0.5}});
    let mut state = OptimizerState::from_config(&value, &segments).unwrap();
    let mut values = [1.0f32, 2.0];
    state
        .apply(&mut values, &mut [0.0, 0.0], &segments, None)
        .unwrap();
    assert_eq!(values, [1.0, 2.0]);
}

#[test]
fn training_goes_on_bit_for_bit_from_an_export() {
    let config = json!({"class_name": "Adam", "config": {
        "amsgrad": true, "use_ema": true, "gradient_accumulation_steps": 3
    }});
    let segments = segments();
    let mut straight = OptimizerState::<f64>::from_config(&config, &segments).unwrap();
    let mut values = start();
    run(&mut straight, &segments, 0, 4, &mut values);
    let saved = (
        straight.export(&segments).unwrap(),
        straight.steps(),
        values.clone(),
    );
    let wanted = run(&mut straight, &segments, 4, 4, &mut values).pop();

    let mut resumed = OptimizerState::<f64>::from_config(&config, &segments).unwrap();
    let found = resumed.find(&segments, &saved.0).unwrap();
    resumed.take(found);
    resumed.set_steps(saved.1);
    let mut values = saved.2;
    assert_eq!(
        run(&mut resumed, &segments, 4, 4, &mut values).pop(),
        wanted
    );

    let names: Vec<&str> = saved.0.iter().map(|tensor| tensor.name.as_str()).collect();
    assert_eq!(
        names[..3],
        [
            "dense/kernel/momentum",
            "dense/kernel/velocity",
            "dense/kernel/velocity_hat"
        ]
    );
    let error = resumed.find(&segments, &saved.0[1..]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Adam: expected the optimizer state \"dense/kernel/momentum\", got none of this name"
    );
}

#[test]
fn bits_are_equal_for_any_number_of_threads() {
    let config = json!({"class_name": "Adam", "config": {"clipnorm": 0.5}});
    let segments = segments();
    let weights = |inside: bool| {
        let mut state = OptimizerState::<f32>::from_config(&config, &segments).unwrap();
        let mut values: Vec<f32> = start().iter().map(|&w| w as f32).collect();
        let mut grads: Vec<f32> = (0..GRADS).map(|i| gradient(0, i) as f32).collect();
        if inside {
            parallel::install(|| state.apply(&mut values, &mut grads, &segments, None)).unwrap();
        } else {
            state
                .apply(&mut values, &mut grads, &segments, None)
                .unwrap();
        }
        values
    };
    assert_eq!(weights(true), weights(false));
}

#[test]
fn learning_rate_is_set_unless_a_schedule_sets_it() {
    let (mut state, _) = small(json!({}), None, &[]);
    state.set_learning_rate(0.5).unwrap();
    assert_eq!(state.learning_rate(), 0.5);
    assert!(state.set_learning_rate(f64::NAN).is_err());

    let schedule = json!({"class_name": "PiecewiseConstantDecay", "config": {"boundaries": [0], "values": [1.0, 0.5]}});
    let (mut state, values) = small(
        json!({"learning_rate": schedule}),
        None,
        &[[1.0, 0.0], [1.0, 0.0]],
    );
    assert_near(&values, &[[0.0, -2.0], [-0.5, -2.0]]);
    assert_eq!(
        state.set_learning_rate(0.5).unwrap_err().to_string(),
        "SGD: expected an optimizer whose learning_rate is a number, got one that follows the schedule PiecewiseConstantDecay. Make the optimizer with a number to be able to set it."
    );
}

#[test]
fn settings_that_cannot_be_are_refused() {
    for (value, text) in [
        (
            json!("adma"),
            "expected the name of an optimizer, got \"adma\". Did you mean \"Adam\"?",
        ),
        (
            json!({"class_name": "SGD", "config": {"momentum": 1.5}}),
            "SGD: expected momentum from 0 to 1, got momentum=1.5",
        ),
        (
            json!({"class_name": "Adam", "config": {"clipnorm": 1.0, "clipvalue": 0.5}}),
            "Adam: expected at most one of clipnorm, clipvalue and global_clipnorm, got clipnorm=1.0, clipvalue=0.5, global_clipnorm=None",
        ),
        (
            json!({"class_name": "AdamW", "config": {"weight_decay": null}}),
            "AdamW: expected a number for weight_decay, got weight_decay=None. Use Adam without it.",
        ),
        (
            json!({"class_name": "Adam", "config": {"gradient_accumulation_steps": 1}}),
            "Adam: expected gradient_accumulation_steps >= 2, got gradient_accumulation_steps=1. Leave it out to update at every step.",
        ),
        (
            json!({"class_name": "Adam", "config": {"learning_rate": "fast"}}),
            "Adam: expected a number or a schedule for learning_rate, got learning_rate=\"fast\"",
        ),
    ] {
        assert_eq!(
            OptimizerState::<f32>::from_config(&value, &[])
                .unwrap_err()
                .to_string(),
            text
        );
    }
}
