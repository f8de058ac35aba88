//! Known numbers by hand, derivatives by differences, and texts of errors, over all losses.

use super::*;
use serde_json::json;

/// Every loss on logits and on probabilities, with targets for predictions of shape `(4, 3)`.
fn cases() -> Vec<(Value, Vec<f64>)> {
    let one_hot = vec![1.0, 0.0, 0.0, 0.0, 0.2, 0.8, 0.0, 0.0, 1.0, 0.5, 0.5, 0.0];
    let labels = vec![0.0, 1.0, 2.0, 1.0];
    let with = |name: &str, config: Value| json!({"class_name": name, "config": config});
    let mut cases = vec![
        (json!("mse"), one_hot.clone()),
        (json!("mae"), one_hot.clone()),
        (
            with("SparseCategoricalCrossentropy", json!({"ignore_class": 2})),
            labels.clone(),
        ),
    ];
    let signs = one_hot.iter().map(|t| 2.0 * t - 1.0).collect::<Vec<_>>();
    let columns = [0, 1, 2];
    cases.extend([
        (with("Huber", json!({"delta": 0.25})), one_hot.clone()),
        (json!("log_cosh"), one_hot.clone()),
        (json!("mape"), one_hot.iter().map(|t| t + 0.5).collect()),
        (json!("msle"), one_hot.clone()),
        (json!("poisson"), one_hot.clone()),
        (with("Quantile", json!({"quantile": 0.8})), one_hot.clone()),
        (json!("hinge"), signs.clone()),
        (json!("squared_hinge"), signs),
        (
            json!("squared_hinge"),
            columns
                .repeat(4)
                .iter()
                .map(|&k| f64::from(u8::from(k == 1)))
                .collect(),
        ),
        (json!("categorical_hinge"), one_hot.clone()),
        (json!("kl_divergence"), one_hot.clone()),
        (json!("cosine_similarity"), one_hot.clone()),
        (
            with("CosineSimilarity", json!({"axis": 0})),
            one_hot.clone(),
        ),
        (json!("dice"), one_hot.clone()),
        (with("Dice", json!({"axis": [1]})), one_hot.clone()),
        (
            with("Tversky", json!({"alpha": 0.3, "beta": 0.9, "axis": [0]})),
            one_hot.clone(),
        ),
        (
            with("CategoricalGeneralizedCrossEntropy", json!({"q": 0.7})),
            labels.clone(),
        ),
        (
            with("Circle", json!({"gamma": 3.0, "margin": 0.2})),
            vec![0.0, 1.0, 0.0, 1.0],
        ),
        (
            with("Circle", json!({"gamma": 3.0, "remove_diagonal": false})),
            vec![0.0, 1.0, 2.0, 1.0],
        ),
    ]);
    for from_logits in [false, true] {
        let focal = json!({"from_logits": from_logits, "gamma": 1.5, "label_smoothing": 0.1});
        let balanced =
            json!({"from_logits": from_logits, "apply_class_balancing": true, "axis": 0});
        let first = json!({"from_logits": from_logits, "gamma": 0.0, "axis": 0});
        cases.extend([
            (
                with("BinaryFocalCrossentropy", focal.clone()),
                one_hot.clone(),
            ),
            (with("BinaryFocalCrossentropy", balanced), one_hot.clone()),
            (with("CategoricalFocalCrossentropy", focal), one_hot.clone()),
            (with("CategoricalFocalCrossentropy", first), one_hot.clone()),
        ]);
        let smooth = json!({"from_logits": from_logits, "label_smoothing": 0.1});
        let first_axis = json!({"from_logits": from_logits, "axis": 0});
        cases.extend([
            (with("BinaryCrossentropy", smooth.clone()), one_hot.clone()),
            (
                with("BinaryCrossentropy", first_axis.clone()),
                one_hot.clone(),
            ),
            (with("CategoricalCrossentropy", smooth), one_hot.clone()),
            (
                with("CategoricalCrossentropy", first_axis.clone()),
                one_hot.clone(),
            ),
            (
                with(
                    "SparseCategoricalCrossentropy",
                    json!({"from_logits": from_logits}),
                ),
                labels.clone(),
            ),
            (
                with("SparseCategoricalCrossentropy", first_axis),
                vec![3.0, 0.0, 1.0],
            ),
        ]);
    }
    cases
}

const PREDICTIONS: [f64; 12] = [0.7, 0.2, 0.1, 0.3, 0.3, 0.4, 0.05, 0.15, 0.8, 0.6, 0.3, 0.1];

fn values(loss: &LossFn<f64>, target: &[f64], prediction: &[f64]) -> Vec<f64> {
    let units = match loss
        .loss
        .check(&[4, 3], &[4, 3])
        .or_else(|_| loss.loss.check(&[4], &[4, 3]))
    {
        Ok(units) => units,
        Err(_) => loss.loss.check(&[3], &[4, 3]).unwrap(),
    };
    let mut values = vec![f64::NAN; units.iter().product()];
    loss.loss.validate(target, &[4, 3]).unwrap();
    loss.loss
        .forward(target, prediction, &[4, 3], &mut values)
        .unwrap();
    values
}

#[test]
fn backward_is_the_derivative_of_forward() {
    for (config, target) in cases() {
        let loss = LossFn::<f64>::from_config(&config).unwrap();
        let scale: Vec<f64> = (0..values(&loss, &target, &PREDICTIONS).len())
            .map(|i| 0.5 + i as f64)
            .collect();
        let total = |prediction: &[f64]| -> f64 {
            values(&loss, &target, prediction)
                .iter()
                .zip(&scale)
                .map(|(v, s)| v * s)
                .sum()
        };
        let mut grad = vec![f64::NAN; 12];
        loss.loss
            .backward(&target, &PREDICTIONS, &[4, 3], &scale, &mut grad)
            .unwrap();
        for i in 0..12 {
            let step = 1e-6;
            let (mut above, mut below) = (PREDICTIONS, PREDICTIONS);
            above[i] += step;
            below[i] -= step;
            let wanted = (total(&above) - total(&below)) / (2.0 * step);
            assert!(
                (grad[i] - wanted).abs() < 1e-7,
                "{config} at {i}: {} for {wanted}",
                grad[i]
            );
        }
    }
}

#[test]
fn known_numbers() {
    let ln = |x: f64| -x.ln();
    let cases = [
        (
            json!("mse"),
            vec![1.0, 0.0, 0.0],
            vec![0.7, 0.2, 0.1],
            (0.09 + 0.04 + 0.01) / 3.0,
        ),
        (json!("mae"), vec![1.0, 0.0, 0.0], vec![0.7, 0.2, 0.1], 0.2),
        (
            json!("bce"),
            vec![1.0, 0.0, 0.0],
            vec![0.7, 0.2, 0.1],
            (ln(0.7) + ln(0.8) + ln(0.9)) / 3.0,
        ),
        (
            json!("categorical_crossentropy"),
            vec![1.0, 0.0, 0.0],
            vec![0.7, 0.2, 0.1],
            ln(0.7),
        ),
        (
            json!("sparse_categorical_crossentropy"),
            vec![1.0],
            vec![0.7, 0.2, 0.1],
            ln(0.2),
        ),
        (
            json!("huber"),
            vec![1.0, 0.0, 0.0],
            vec![0.7, 2.2, 0.1],
            (0.045 + 1.7 + 0.005) / 3.0,
        ),
        (
            json!("mape"),
            vec![2.0, 4.0, -1.0],
            vec![1.0, 5.0, -1.0],
            25.0,
        ),
        (
            json!("hinge"),
            vec![1.0, 0.0, 0.0],
            vec![0.7, 0.2, -2.0],
            (0.3 + 1.2) / 3.0,
        ),
        (
            json!("squared_hinge"),
            vec![1.0, -1.0, 1.0],
            vec![0.7, 0.2, 2.0],
            (0.09 + 1.44) / 3.0,
        ),
        (
            json!("categorical_hinge"),
            vec![1.0, 0.0, 0.0],
            vec![0.7, 0.2, 0.1],
            0.5,
        ),
        (
            json!("poisson"),
            vec![0.0, 0.0, 0.0],
            vec![0.7, 0.2, 0.6],
            0.5,
        ),
        (
            json!("quantile"),
            vec![1.0, 0.0, 0.0],
            vec![0.7, 0.2, 0.1],
            0.1,
        ),
        (
            json!("cosine_similarity"),
            vec![3.0, 4.0, 0.0],
            vec![4.0, 3.0, 0.0],
            -0.96,
        ),
        (
            json!("dice"),
            vec![1.0, 1.0, 0.0],
            vec![1.0, 0.5, 0.5],
            1.0 - 3.0 / 4.0000001,
        ),
        // Probabilities that do not sum to 1 are divided by their sum.
        (
            json!("sparse_categorical_crossentropy"),
            vec![1.0],
            vec![1.4, 0.4, 0.2],
            ln(0.2),
        ),
    ];
    for (config, target, prediction, wanted) in cases {
        let loss = LossFn::<f64>::from_config(&config).unwrap();
        let mut got = [f64::NAN];
        loss.loss
            .forward(&target, &prediction, &[1, 3], &mut got)
            .unwrap();
        assert!(
            (got[0] - wanted).abs() < 1e-12,
            "{config}: {} for {wanted}",
            got[0]
        );
    }
}

#[test]
fn logits_of_any_size_give_finite_losses_and_gradients() {
    let logits = [1000.0f32, -1000.0, 0.0];
    for (name, target) in [
        ("BinaryCrossentropy", &[0.0f32, 1.0, 1.0][..]),
        ("CategoricalCrossentropy", &[0.0, 1.0, 0.0]),
        ("SparseCategoricalCrossentropy", &[1.0]),
    ] {
        let loss = LossFn::<f32>::from_config(
            &json!({"class_name": name, "config": {"from_logits": true}}),
        )
        .unwrap();
        let (mut value, mut grad) = ([0.0], [0.0; 3]);
        loss.loss
            .forward(target, &logits, &[1, 3], &mut value)
            .unwrap();
        loss.loss
            .backward(target, &logits, &[1, 3], &[1.0], &mut grad)
            .unwrap();
        assert!(
            value[0].is_finite() && value[0] > 600.0,
            "{name}: {value:?}"
        );
        assert!(grad.iter().all(|g| g.is_finite()), "{name}: {grad:?}");
    }
}

#[test]
fn an_activation_in_front_is_taken_into_the_loss() {
    let softmax = Activation::Softmax;
    let loss = LossFn::<f64>::from_config(&json!("sparse_categorical_crossentropy")).unwrap();
    let fused = loss.loss.on_logits(&softmax).unwrap();
    let logits = PREDICTIONS.map(|p| 3.0 * p);
    let probabilities: Vec<f64> = logits
        .chunks(3)
        .flat_map(|row| {
            let sum: f64 = row.iter().map(|x| x.exp()).sum();
            row.iter().map(move |x| x.exp() / sum)
        })
        .collect();
    let mut got = [0.0; 4];
    fused
        .forward(&[0.0, 1.0, 2.0, 1.0], &logits, &[4, 3], &mut got)
        .unwrap();
    for (got, wanted) in got
        .iter()
        .zip(values(&loss, &[0.0, 1.0, 2.0, 1.0], &probabilities))
    {
        assert!((got - wanted).abs() < 1e-12);
    }
    assert!(fused.on_logits(&softmax).is_none());
    assert!(loss.loss.on_logits(&Activation::Sigmoid).is_none());
}

#[test]
fn ignored_class_neither_counts_nor_pulls() {
    let config =
        json!({"class_name": "SparseCategoricalCrossentropy", "config": {"ignore_class": -1}});
    let loss = LossFn::<f64>::from_config(&config).unwrap();
    let target = [0.0, -1.0, 2.0, -1.0];
    let got = values(&loss, &target, &PREDICTIONS);
    let mut scale = [0.0; 4];
    let mean = loss
        .reduce(&target, &got, &[4], None, None, 1.0, &mut scale)
        .unwrap();
    assert!((mean + (0.7f64.ln() + 0.8f64.ln()) / 2.0).abs() < 1e-12);
    assert_eq!(scale, [0.5, 0.0, 0.5, 0.0]);
}

#[test]
fn crossentropy_is_resolved_by_the_shapes() {
    for (target, prediction, class) in [
        (&[8usize, 1][..], &[8usize, 1][..], "binary_crossentropy"),
        (&[8], &[8, 10], "sparse_categorical_crossentropy"),
        (&[8, 1], &[8, 10], "sparse_categorical_crossentropy"),
        (&[8, 10], &[8, 10], "categorical_crossentropy"),
    ] {
        assert_eq!(
            resolve(&json!("crossentropy"), target, prediction),
            json!(class)
        );
    }
    assert_eq!(resolve(&json!("mse"), &[8], &[8, 10]), json!("mse"));
}

#[test]
fn mistakes_are_named() {
    let of = |name: &str| LossFn::<f32>::from_config(&json!(name)).unwrap();
    let sparse = of("sparse_categorical_crossentropy");
    let cases = [
        (
            sparse.loss.check(&[8, 10], &[8, 10]).map(drop),
            "SparseCategoricalCrossentropy: expected targets of the predictions' shape (8,), got targets of shape (8, 10). For one-hot targets use the class without \"Sparse\".",
        ),
        (
            of("categorical_crossentropy")
                .loss
                .check(&[8], &[8, 10])
                .map(drop),
            "CategoricalCrossentropy: expected targets of the predictions' shape (8, 10), got targets of shape (8,). Use SparseCategoricalCrossentropy for class labels.",
        ),
        (
            sparse.loss.validate(&[1.0, 10.0], &[2, 10]),
            "SparseCategoricalCrossentropy: expected labels from 0 to 9, got 10 at index 1 of the targets",
        ),
        (
            sparse.loss.validate(&[1.0, -1.0], &[2, 10]),
            "SparseCategoricalCrossentropy: expected labels from 0 to 9, got -1 at index 1 of the targets",
        ),
        (
            of("mse").loss.validate(&[1.0, f32::NAN], &[2]),
            "expected finite targets, got NaN at index 1 of the targets",
        ),
        (
            LossFn::<f32>::from_config(&json!("means_squared_error")).map(drop),
            "expected the name of a loss, got \"means_squared_error\". Did you mean \"MeanSquaredError\"?",
        ),
        (
            LossFn::<f32>::from_config(
                &json!({"class_name": "bce", "config": {"label_smoothing": 2.0}}),
            )
            .map(drop),
            "BinaryCrossentropy: expected label_smoothing from 0 to 1, got label_smoothing=2",
        ),
    ];
    for (result, text) in cases {
        assert_eq!(result.unwrap_err().to_string(), text);
    }
}

#[test]
fn ctc_counts_every_alignment() {
    // Two steps, classes blank and 1, both equally likely: the label 1 has the paths 11, 1-, -1.
    let ctc = LossFn::<f64>::from_config(&json!("ctc")).unwrap();
    let mut value = [f64::NAN];
    let logits = [0.0; 4];
    ctc.loss
        .forward(&[1.0], &logits, &[1, 2, 2], &mut value)
        .unwrap();
    assert!((value[0] + (3.0f64 / 4.0).ln()).abs() < 1e-12);
    // No label at all: the path of blanks alone.
    ctc.loss
        .forward(&[0.0], &logits, &[1, 2, 2], &mut value)
        .unwrap();
    assert!((value[0] + (1.0f64 / 4.0).ln()).abs() < 1e-12);
}

#[test]
fn derivatives_of_losses_over_other_shapes() {
    let wave = |n: usize| (0..n).map(|i| (1.3 * i as f64).sin()).collect::<Vec<f64>>();
    let cases = [
        (
            "ctc",
            vec![1.0, 2.0, 2.0, 3.0, 0.0, 0.0],
            vec![2, 3],
            vec![2, 6, 4],
        ),
        (
            "gaussian_negative_log_likelihood",
            wave(4),
            vec![2, 2],
            vec![2, 4],
        ),
    ];
    for (name, target, target_shape, shape) in cases {
        let loss = LossFn::<f64>::from_config(&json!(name)).unwrap();
        let units: usize = loss
            .loss
            .check(&target_shape, &shape)
            .unwrap()
            .iter()
            .product();
        loss.loss.validate(&target, &shape).unwrap();
        let prediction = wave(shape.iter().product());
        let scale: Vec<f64> = (0..units).map(|i| 0.5 + i as f64).collect();
        let total = |prediction: &[f64]| -> f64 {
            let mut values = vec![f64::NAN; units];
            loss.loss
                .forward(&target, prediction, &shape, &mut values)
                .unwrap();
            values.iter().zip(&scale).map(|(v, s)| v * s).sum()
        };
        let mut grad = vec![f64::NAN; prediction.len()];
        loss.loss
            .backward(&target, &prediction, &shape, &scale, &mut grad)
            .unwrap();
        for i in 0..grad.len() {
            let (mut above, mut below) = (prediction.clone(), prediction.clone());
            above[i] += 1e-6;
            below[i] -= 1e-6;
            let wanted = (total(&above) - total(&below)) / 2e-6;
            assert!(
                (grad[i] - wanted).abs() < 1e-7,
                "{name} at {i}: {} for {wanted}",
                grad[i]
            );
        }
    }
}

#[test]
fn a_sample_without_a_partner_does_not_count_in_the_circle() {
    let circle = LossFn::<f64>::from_config(&json!("circle")).unwrap();
    let target = [0.0, 0.0, 1.0];
    let vectors = [1.0, 0.0, 0.8, 0.6, 0.0, 1.0];
    let mut values = [f64::NAN; 3];
    circle
        .loss
        .forward(&target, &vectors, &[3, 2], &mut values)
        .unwrap();
    assert_eq!(values[2], 0.0);
    let mut scale = [0.0; 3];
    let mean = circle
        .reduce(&target, &values, &[3], None, None, 1.0, &mut scale)
        .unwrap();
    assert!((mean - (values[0] + values[1]) / 2.0).abs() < 1e-12);
    assert_eq!(scale, [0.5, 0.5, 0.0]);
}

#[test]
fn targets_that_ctc_cannot_align_are_refused() {
    let ctc = LossFn::<f32>::from_config(&json!("ctc")).unwrap();
    let cases = [
        (
            vec![1.0, 4.0],
            "CTC: expected labels from 1 to 3, then zeros, got 4 in the targets of sample 0",
        ),
        (
            vec![0.0, 2.0],
            "CTC: expected nothing but zeros behind the first zero, got 2 in the targets of sample 0",
        ),
        (
            vec![2.0, 2.0],
            "CTC: expected labels that fit into 2 time steps, got 2 labels that need 3 steps in the targets of sample 0",
        ),
    ];
    for (target, text) in cases {
        let error = ctc.loss.validate(&target, &[1, 2, 4]).unwrap_err();
        assert_eq!(error.to_string(), text);
    }
    assert!(ctc.loss.check(&[2, 3], &[2, 4]).is_err());
}

#[test]
fn focal_gradients_are_finite_where_nothing_is_wrong() {
    let config = json!({"class_name": "BinaryFocalCrossentropy", "config": {"gamma": 0.5}});
    let focal = LossFn::<f32>::from_config(&config).unwrap();
    let mut grad = [f32::NAN; 2];
    focal
        .loss
        .backward(&[1.0, 0.0], &[1.0, 0.0], &[1, 2], &[1.0], &mut grad)
        .unwrap();
    assert_eq!(grad, [0.0, 0.0]);
}
