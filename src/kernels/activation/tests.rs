//! Numbers, gradients, ends of the range and threads, for all activations.

use serde_json::{Value, json};

use super::*;
use crate::kernels::simd::{available, with_isa};
use crate::parallel::{install, set_num_threads};

/// Every function with its defaults, and each parameter with another value.
fn all() -> Vec<Activation> {
    let configs = [
        json!("celu"),
        json!({"name": "celu", "alpha": 0.4}),
        json!({"name": "celu", "alpha": -0.8}),
        json!("elu"),
        json!({"name": "elu", "alpha": 2.5}),
        json!({"name": "elu", "alpha": -0.5}),
        json!("exponential"),
        json!("gelu"),
        json!({"name": "gelu", "approximate": true}),
        json!("glu"),
        json!("hard_shrink"),
        json!("hard_sigmoid"),
        json!("hard_silu"),
        json!("hard_tanh"),
        json!("leaky_relu"),
        json!({"name": "leaky_relu", "negative_slope": -0.3}),
        json!("linear"),
        json!("log_sigmoid"),
        json!("log_softmax"),
        json!("mish"),
        json!("relu"),
        json!({"name": "relu", "negative_slope": 0.3}),
        json!({"name": "relu", "max_value": 1.5}),
        json!({"name": "relu", "negative_slope": 0.3, "max_value": 1.5, "threshold": 0.4}),
        json!({"name": "relu", "max_value": 1.5, "threshold": -0.4}),
        json!({"name": "relu", "negative_slope": 0.2, "max_value": 0.0}),
        json!("relu6"),
        json!("selu"),
        json!("sigmoid"),
        json!("silu"),
        json!("soft_shrink"),
        json!("softmax"),
        json!("softplus"),
        json!("softsign"),
        json!("sparse_plus"),
        json!("sparse_sigmoid"),
        json!("sparsemax"),
        json!("squareplus"),
        json!({"name": "squareplus", "b": 0.0}),
        json!("tanh"),
        json!("tanh_shrink"),
        json!({"name": "threshold", "threshold": 0.3, "default_value": -2.0}),
    ];
    let read = |config: &Value| Activation::from_config(config).unwrap();
    configs.iter().map(read).collect()
}

fn named(name: &str) -> Activation {
    Activation::from_config(&json!(name)).unwrap()
}

/// Inputs in rows of `ROW`, off the kinks, from -8 to 8.
const ROW: usize = 38;

fn inputs() -> Vec<f64> {
    (0..5 * ROW)
        .map(|i| ((i * 7919 % 1009) as f64 + 0.37) / 1009.0 * 16.0 - 8.0)
        .collect()
}

fn applied(activation: Activation, x: &[f64]) -> Vec<f64> {
    let mut y = vec![0.0; x.len() / ROW * activation.output_len(ROW).unwrap()];
    activation.forward(x, &mut y, ROW);
    y
}

#[test]
fn derivatives_are_those_of_central_differences() {
    const STEP: f64 = 1e-6;
    for activation in all() {
        let x = inputs();
        let y = applied(activation, &x);
        let weights: Vec<f64> = (0..y.len()).map(|i| (i as f64 * 0.7).sin()).collect();
        let mut dx = vec![0.0; x.len()];
        let needed = activation.needs_input().then_some(&x[..]);
        activation.backward(needed, &y, &mut weights.clone(), &mut dx, false, ROW);
        for i in 0..x.len() {
            let moved = |step| {
                let mut x = x.clone();
                x[i] += step;
                applied(activation, &x)
            };
            let (above, below) = (moved(STEP), moved(-STEP));
            let changes = above.iter().zip(&below).zip(&weights);
            let change: f64 = changes.map(|((a, b), w)| (a - b) * w).sum();
            let expected = change / (2.0 * STEP);
            let scale = 1.0 + y[i * y.len() / x.len()].abs();
            assert!(
                (dx[i] - expected).abs() < 2e-8 * scale,
                "{activation:?} at {}: {} {expected}",
                x[i],
                dx[i]
            );
        }

        let mut sum = vec![3.0; x.len()];
        activation.backward(needed, &y, &mut weights.clone(), &mut sum, true, ROW);
        assert!(sum.iter().zip(&dx).all(|(s, d)| *s == 3.0 + d));
        if activation.keeps_shape() {
            let mut in_place = weights.clone();
            activation.backward_in_place(needed, &y, &mut in_place, ROW);
            assert_eq!(in_place, dx, "{activation:?}");
            let mut over = x.clone();
            activation.forward_in_place(&mut over, ROW);
            assert_eq!(over, y, "{activation:?}");
        }
    }
}

#[test]
fn single_precision_gives_the_numbers_of_double_precision() {
    for activation in all() {
        let x: Vec<f32> = inputs().iter().map(|&x| x as f32).collect();
        let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        let wide_y = applied(activation, &wide);
        let mut y = vec![0.0; wide_y.len()];
        activation.forward(&x, &mut y, ROW);
        let mut dx = vec![0.0_f32; x.len()];
        let mut wide_dx = vec![0.0; x.len()];
        let (mut dy, mut wide_dy) = (vec![1.5; y.len()], vec![1.5; y.len()]);
        dy[7] = 0.5;
        wide_dy[7] = 0.5;
        activation.backward(Some(&x), &y, &mut dy, &mut dx, false, ROW);
        activation.backward(Some(&wide), &wide_y, &mut wide_dy, &mut wide_dx, false, ROW);
        let pairs = y.iter().zip(&wide_y).chain(dx.iter().zip(&wide_dx));
        for (&got, &expected) in pairs {
            let error = (f64::from(got) - expected).abs();
            assert!(
                error < 2e-6 * (0.5 + expected.abs()),
                "{activation:?}: {got} {expected}"
            );
        }
    }
}

#[test]
fn known_numbers() {
    // Each to 15 digits from the formula of Keras's documentation, with another calculator.
    let cases = [
        ("celu", -1.0, -0.632_120_558_828_558),
        ("elu", -2.0, -0.864_664_716_763_387),
        ("exponential", 1.0, std::f64::consts::E),
        ("gelu", 1.0, 0.841_344_746_068_543),
        ("gelu", -1.0, -0.158_655_253_931_457),
        ("hard_shrink", 0.5, 0.0),
        ("hard_shrink", -0.6, -0.6),
        ("hard_sigmoid", 1.5, 0.75),
        ("hard_silu", 1.5, 1.125),
        ("hard_tanh", 2.0, 1.0),
        ("leaky_relu", -2.0, -0.4),
        ("log_sigmoid", 0.0, -std::f64::consts::LN_2),
        ("mish", 1.0, 0.865_098_388_267_310),
        ("relu", -2.0, 0.0),
        ("relu6", 7.0, 6.0),
        ("selu", 1.0, 1.050_700_987_355_48),
        ("selu", -1.0, -1.111_330_737_812_563),
        ("sigmoid", 1.0, 0.731_058_578_630_005),
        ("silu", 1.0, 0.731_058_578_630_005),
        ("soft_shrink", -2.0, -1.5),
        ("soft_shrink", 0.25, 0.0),
        ("softplus", 0.0, std::f64::consts::LN_2),
        ("softsign", -3.0, -0.75),
        ("sparse_plus", 0.0, 0.25),
        ("sparse_plus", 3.0, 3.0),
        ("sparse_sigmoid", 0.5, 0.75),
        ("squareplus", 0.0, 1.0),
        ("squareplus", 3.0, 3.302_775_637_731_995),
        ("tanh", 1.0, 0.761_594_155_955_765),
        ("tanh_shrink", 1.0, 0.238_405_844_044_235),
    ];
    for (name, x, expected) in cases {
        let got = named(name).value(x);
        assert!((got - expected).abs() < 2e-15, "{name}({x}) = {got}");
    }
    let approximate = Activation::Gelu { approximate: true };
    assert!((approximate.value(1.0) - 0.841_191_990_608_276).abs() < 1e-15);
}

#[test]
fn infinities_give_limits_and_nan_stays() {
    let inf = f32::INFINITY;
    let limits = [
        ("celu", -1.0, inf),
        ("elu", -1.0, inf),
        ("exponential", 0.0, inf),
        ("gelu", 0.0, inf),
        ("hard_shrink", -inf, inf),
        ("hard_sigmoid", 0.0, 1.0),
        ("hard_silu", 0.0, inf),
        ("hard_tanh", -1.0, 1.0),
        ("leaky_relu", -inf, inf),
        ("log_sigmoid", -inf, 0.0),
        ("mish", 0.0, inf),
        ("relu", 0.0, inf),
        ("relu6", 0.0, 6.0),
        ("selu", -1.758_099_3, inf),
        ("sigmoid", 0.0, 1.0),
        ("silu", 0.0, inf),
        ("soft_shrink", -inf, inf),
        ("softplus", 0.0, inf),
        ("softsign", -1.0, 1.0),
        ("sparse_plus", 0.0, inf),
        ("sparse_sigmoid", 0.0, 1.0),
        ("squareplus", 0.0, inf),
        ("tanh", -1.0, 1.0),
        ("tanh_shrink", -inf, inf),
    ];
    for (name, low, high) in limits {
        let mut y = [-inf, inf, f32::NAN, 1e30, -1e30];
        named(name).forward_in_place(&mut y, 5);
        assert_eq!(y[..2], [low, high], "{name}");
        assert!(y[2].is_nan(), "{name}");
        assert!(!y[3].is_nan() && !y[4].is_nan(), "{name}");
        assert_eq!(named(name).value(f64::NEG_INFINITY) as f32, low, "{name}");
        assert_eq!(named(name).value(f64::INFINITY) as f32, high, "{name}");
        assert!(named(name).value(f64::NAN).is_nan(), "{name}");

        // No derivative is NaN where the function is not.
        let x = [-inf, inf, -1e30, 1e30, -100.0, 100.0];
        let mut y = x;
        named(name).forward_in_place(&mut y, 6);
        let mut dx = [1.0; 6];
        named(name).backward_in_place(Some(&x), &y, &mut dx, 6);
        assert!(dx.iter().all(|d| !d.is_nan()), "{name}: {dx:?}");
    }
}

#[test]
fn bits_do_not_depend_on_threads_or_level() {
    let x: Vec<f32> = (0..1140 * ROW)
        .map(|i| ((i * 7919 % 10_007) as f32) / 500.0 - 10.0)
        .collect();
    let run = |activation: Activation, threads| {
        let mut y = vec![0.0; x.len() / ROW * activation.output_len(ROW).unwrap()];
        let (mut dy, mut dx) = (vec![0.3; y.len()], vec![0.0; x.len()]);
        set_num_threads(Some(threads)).unwrap();
        install(|| {
            activation.forward(&x, &mut y, ROW);
            activation.backward(Some(&x), &y, &mut dy, &mut dx, false, ROW);
        });
        set_num_threads(None).unwrap();
        let bits = y.iter().chain(&dx).map(|v| v.to_bits());
        bits.collect::<Vec<_>>()
    };
    for activation in all() {
        let expected = run(activation, 1);
        assert_eq!(run(activation, 3), expected, "{activation:?}");
        for level in available() {
            let bits = with_isa(level, || run(activation, 2));
            assert!(bits == expected, "{activation:?} {}", level.name());
        }
    }
}
