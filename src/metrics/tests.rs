//! Known numbers, streaming, weights and masks, and what "accuracy" means.

use super::*;

/// Feeds one batch, with weights and a mask if given.
fn feed(
    metric: &mut NamedMetric<f64>,
    (target, target_shape): (&[f64], &[usize]),
    (prediction, prediction_shape): (&[f64], &[usize]),
    weights: Option<(&[f64], &[usize])>,
    mask: Option<&[f64]>,
) -> Result<()> {
    let weights = weights.map(|(values, shape)| Weights { values, shape });
    metric.metric.update(Batch {
        target,
        target_shape,
        prediction,
        prediction_shape,
        weights,
        mask,
    })
}

fn of(config: Value) -> NamedMetric<f64> {
    NamedMetric::from_config(&config).unwrap()
}

const ROWS: (&[f64], &[usize]) = (
    &[0.1, 0.7, 0.2, 0.5, 0.3, 0.2, 0.3, 0.3, 0.4, 0.2, 0.2, 0.6],
    &[4, 3],
);

#[test]
fn known_numbers() {
    let labels: (&[f64], &[usize]) = (&[1.0, 1.0, 2.0, 0.0], &[4]);
    let one_hot: (&[f64], &[usize]) = (
        &[0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0],
        &[4, 3],
    );
    let top = |class: &str| json!({"class_name": class, "config": {"k": 2}});
    let sorted = json!({"class_name": "SparseTopKCategoricalAccuracy", "config": {"k": 1, "from_sorted_ids": true}});
    let cases = [
        (json!("SparseCategoricalAccuracy"), labels, ROWS, 0.5),
        (json!("categorical_accuracy"), one_hot, ROWS, 0.5),
        (top("SparseTopKCategoricalAccuracy"), labels, ROWS, 1.0),
        (top("TopKCategoricalAccuracy"), one_hot, ROWS, 1.0),
        (
            sorted,
            (&[2.0, 1.0], &[2]),
            (&[2.0, 1.0, 2.0, 1.0], &[2, 2]),
            0.5,
        ),
        (
            json!("binary_accuracy"),
            (&[1.0, 0.0, 1.0, 0.0], &[4]),
            (&[0.9, 0.6, 0.5, 0.1], &[4, 1]),
            0.5,
        ),
        (
            json!("Accuracy"),
            (&[1.0, 2.0, 3.0, 4.0], &[4, 1]),
            (&[1.0, 2.0, 0.0, 4.0], &[4, 1]),
            0.75,
        ),
        (
            json!("mse"),
            (&[0.0, 0.0, 0.0, 0.0], &[2, 2]),
            (&[1.0, 3.0, 0.0, 2.0], &[2, 2]),
            3.5,
        ),
        (
            json!("mae"),
            (&[0.0, 0.0, 0.0, 0.0], &[2, 2]),
            (&[1.0, 3.0, 0.0, -2.0], &[2, 2]),
            1.5,
        ),
        (
            json!("root_mean_squared_error"),
            (&[0.0, 0.0], &[2]),
            (&[3.0, 3.0], &[2, 1]),
            3.0,
        ),
        (
            json!("sparse_categorical_crossentropy"),
            (&[1.0], &[1]),
            (&[0.25, 0.5, 0.25], &[1, 3]),
            2f64.ln(),
        ),
        (
            json!("mean"),
            (&[], &[]),
            (&[1.0, 3.0, 5.0, 7.0], &[4]),
            4.0,
        ),
        (
            json!("sum"),
            (&[], &[]),
            (&[1.0, 3.0, 5.0, 7.0], &[4]),
            16.0,
        ),
    ];
    for (config, target, prediction, wanted) in cases {
        let mut metric = of(config.clone());
        feed(&mut metric, target, prediction, None, None).unwrap();
        assert!(
            (metric.metric.result() - wanted).abs() < 1e-12,
            "{config}: {}",
            metric.metric.result()
        );
    }
}

#[test]
fn decisions_overlap_and_correlation_have_known_numbers() {
    let truth: (&[f64], &[usize]) = (&[0.0, 0.0, 0.0, 1.0, 1.0], &[5]);
    let said: (&[f64], &[usize]) = (&[0.0, 0.3, 0.8, 0.3, 0.8], &[5]);
    let with = |class: &str, config: Value| json!({"class_name": class, "config": config});
    let cases = [
        (json!("true_positives"), 1.0),
        (json!("true_negatives"), 2.0),
        (json!("false_positives"), 1.0),
        (json!("false_negatives"), 1.0),
        (json!("precision"), 0.5),
        (json!("recall"), 0.5),
        (
            with("SensitivityAtSpecificity", json!({"specificity": 0.5})),
            0.5,
        ),
        (
            with("SpecificityAtSensitivity", json!({"sensitivity": 0.5})),
            2.0 / 3.0,
        ),
        // Of the 6 pairs of a negative and a positive, 3 are in order and 2 are tied.
        (json!("auc"), 4.0 / 6.0),
        (json!("binary_iou"), (0.5 + 1.0 / 3.0) / 2.0),
        (json!("pearson_correlation"), 0.22 / (1.2 * 0.492f64).sqrt()),
    ];
    for (config, wanted) in cases {
        let mut metric = of(config.clone());
        feed(&mut metric, truth, said, None, None).unwrap();
        let found = metric.metric.result();
        assert!((found - wanted).abs() < 1e-6, "{config}: {found}");
        let state = metric.metric.state();
        metric.metric.reset_state();
        metric.metric.set_state(&state).unwrap();
        assert_eq!(metric.metric.result(), found);
        assert!(metric.metric.set_state(&[1.0; 7]).is_err());
    }
}

#[test]
fn batches_add_up_and_states_go_on() {
    let mut metric = of(json!("mean"));
    assert_eq!(metric.metric.result(), 0.0, "nothing yet");
    feed(
        &mut metric,
        (&[], &[]),
        (&[1.0, 2.0, 3.0], &[3]),
        None,
        None,
    )
    .unwrap();
    feed(&mut metric, (&[], &[]), (&[10.0], &[1]), None, None).unwrap();
    assert_eq!(metric.metric.result(), 4.0);
    let mut other = of(json!("mean"));
    other.metric.set_state(&metric.metric.state()).unwrap();
    assert_eq!(other.metric.result(), 4.0);
    other.metric.reset_state();
    assert_eq!(other.metric.state(), [0.0, 0.0]);
    assert!(other.metric.set_state(&[1.0]).is_err());
}

#[test]
fn weights_and_masks_choose_what_counts() {
    let values: (&[f64], &[usize]) = (&[1.0, 3.0, 5.0, 7.0], &[2, 2]);
    type Weighted<'a> = Option<(&'a [f64], &'a [usize])>;
    let cases: [(&str, Weighted<'_>, Option<&[f64]>, f64); 5] = [
        ("one weight a sample", Some((&[1.0, 0.0], &[2])), None, 2.0),
        (
            "one weight a value",
            Some((&[1.0, 0.0, 1.0, 2.0], &[2, 2])),
            None,
            5.0,
        ),
        ("a mask", None, Some(&[1.0, 0.0, 1.0, 0.0]), 3.0),
        ("a mask of samples", None, Some(&[0.0, 1.0]), 6.0),
        (
            "both",
            Some((&[1.0, 3.0], &[2])),
            Some(&[0.0, 1.0, 1.0, 1.0]),
            (3.0 + 15.0 + 21.0) / 7.0,
        ),
    ];
    for (name, weights, mask, wanted) in cases {
        let mut metric = of(json!("mean"));
        feed(&mut metric, (&[], &[]), values, weights, mask).unwrap();
        assert!(
            (metric.metric.result() - wanted).abs() < 1e-12,
            "{name}: {}",
            metric.metric.result()
        );
    }
}

#[test]
fn a_row_of_nan_is_never_right() {
    let mut metric = of(json!("sparse_categorical_accuracy"));
    feed(
        &mut metric,
        (&[0.0, 1.0], &[2]),
        (&[f64::NAN; 4], &[2, 2]),
        None,
        None,
    )
    .unwrap();
    assert_eq!(metric.metric.result(), 0.0);
}

#[test]
fn ties_are_won_by_the_first_class() {
    let mut metric = of(json!("sparse_categorical_accuracy"));
    feed(
        &mut metric,
        (&[0.0, 1.0], &[2]),
        (&[0.5; 4], &[2, 2]),
        None,
        None,
    )
    .unwrap();
    assert_eq!(metric.metric.result(), 0.5);
}

#[test]
fn accuracy_is_resolved_by_the_shapes_and_keeps_its_word() {
    for (word, target, prediction, class) in [
        (
            json!("accuracy"),
            &[8usize, 1][..],
            &[8usize, 1][..],
            "BinaryAccuracy",
        ),
        (json!("acc"), &[8], &[8, 10], "SparseCategoricalAccuracy"),
        (
            json!({"class_name": "accuracy"}),
            &[8, 1],
            &[8, 10],
            "SparseCategoricalAccuracy",
        ),
        (json!("Accuracy"), &[8, 10], &[8, 10], "CategoricalAccuracy"),
        (json!("ce"), &[8, 10], &[8, 10], "CategoricalCrossentropy"),
    ] {
        let resolved = resolve(&word, target, prediction);
        assert_eq!(resolved["class_name"], class);
        let asked = word.as_str().or(word["class_name"].as_str()).unwrap();
        assert_eq!(of(resolved).name, asked);
    }
    let class = json!({"class_name": "Accuracy", "config": {"name": "exact"}});
    assert_eq!(resolve(&class, &[8], &[8]), class);
    assert_eq!(of(json!("mse")).name, "mse");
    assert_eq!(
        of(json!({"class_name": "MeanSquaredError"})).name,
        "mean_squared_error"
    );
}

#[test]
fn mistakes_are_named() {
    let error = feed(
        &mut of(json!("SparseCategoricalAccuracy")),
        (&[0.0; 3], &[3]),
        ROWS,
        None,
        None,
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "SparseCategoricalAccuracy: expected targets of the predictions' shape (4,), got targets of shape (3,)"
    );
    let error = NamedMetric::<f32>::from_config(&json!("binary_acuracy")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected the name of a metric, got \"binary_acuracy\". Did you mean \"BinaryAccuracy\"?"
    );
}
