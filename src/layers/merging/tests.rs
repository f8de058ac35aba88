use serde_json::json;

use super::*;
use crate::layers::create;
use crate::testing::{Array, Case, check_gradients};

fn case(kind: &'static str, inputs: &[(&[usize], &[f64])]) -> Case {
    Case {
        kind,
        config: json!({}),
        inputs: inputs
            .iter()
            .map(|(shape, values)| Array::new(shape, values))
            .collect(),
        ..Case::default()
    }
}

fn merged_values(kind: &'static str, inputs: &[(&[usize], &[f64])]) -> Vec<f64> {
    case(kind, inputs)
        .outputs::<f32>()
        .unwrap()
        .swap_remove(0)
        .values
}

const KINDS: [&str; 6] = [
    "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum",
];

#[test]
fn each_kind_merges_two_inputs() {
    let expected = [
        [7.0, 2.0, 1.0],
        [3.0, 2.0, -5.0],
        [10.0, 0.0, -6.0],
        [3.5, 1.0, 0.5],
        [5.0, 2.0, 3.0],
        [2.0, 0.0, -2.0],
    ];
    for (kind, expected) in KINDS.into_iter().zip(expected) {
        let inputs: [(&[usize], &[f64]); 2] =
            [(&[1, 3], &[5.0, 2.0, -2.0]), (&[1, 3], &[2.0, 0.0, 3.0])];
        assert_eq!(merged_values(kind, &inputs), expected, "{kind}");
    }
}

#[test]
fn many_inputs_and_one_are_merged_too() {
    let one: (&[usize], &[f64]) = (&[1, 1], &[2.0]);
    assert_eq!(merged_values("Multiply", &[one; 4]), [16.0]);
    assert_eq!(merged_values("Average", &[one; 3]), [2.0]);
    assert_eq!(merged_values("Maximum", &[one]), [2.0]);
}

#[test]
fn axes_are_aligned_at_the_end_behind_the_batch() {
    let long: (&[usize], &[f64]) = (&[2, 2, 2], &[0.0; 8]);
    let short: (&[usize], &[f64]) = (&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let expected = [1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0];
    assert_eq!(merged_values("Add", &[long, short]), expected);
    assert_eq!(merged_values("Add", &[short, long]), expected);
}

#[test]
fn shapes_that_do_not_meet_are_refused() {
    let shape = |kind, inputs: &[&[Option<usize>]]| {
        let inputs: Vec<Shape> = inputs
            .iter()
            .map(|axes| Shape::new(axes.to_vec()))
            .collect();
        let layer = create::<f32>(kind, &json!({})).unwrap();
        match layer.output_shapes(&inputs) {
            Ok(shapes) => shapes[0].to_string(),
            Err(error) => error.to_string(),
        }
    };
    assert_eq!(
        shape(
            "Add",
            &[
                &[None, Some(3), Some(4), Some(5)],
                &[None, Some(4), Some(5)],
                &[None, Some(5)]
            ]
        ),
        "(None, 3, 4, 5)"
    );
    assert_eq!(
        shape("Add", &[&[Some(1), Some(5)], &[None, Some(5)]]),
        "(1, 5)"
    );
    assert_eq!(
        shape("Add", &[&[None, None, Some(5)], &[None, Some(7), Some(5)]]),
        "(None, None, 5)"
    );
    assert_eq!(
        shape("Add", &[&[None, Some(4)], &[None, Some(5)]]),
        "expected inputs with the same batch and axes that are equal or 1, got (None, 4), (None, 5)"
    );
    assert!(shape("Add", &[&[Some(1), Some(3)], &[Some(2), Some(3)]]).contains("same batch"));
    assert_eq!(
        shape("Subtract", &[&[None, Some(4)]]),
        "expected two inputs, got (None, 4)"
    );
    assert_eq!(
        shape("Multiply", &[]),
        "expected at least one input, got none"
    );
}

#[test]
fn gradients_fit_differences() {
    for kind in KINDS {
        let many = if kind == "Subtract" { 2 } else { 3 };
        let same = (0..many).map(|i| Array::random(&[2, 3, 2], i)).collect();
        check_gradients(&Case {
            inputs: same,
            ..case(kind, &[])
        });
        let shapes: [&[usize]; 3] = [&[2, 2], &[2, 3, 1, 2], &[2, 1, 4, 1]];
        let repeated = shapes[..many as usize]
            .iter()
            .zip(5..)
            .map(|(s, i)| Array::random(s, i));
        check_gradients(&Case {
            inputs: repeated.collect(),
            ..case(kind, &[])
        });
    }
}

fn masked(kind: &'static str, second_has_one: bool) -> Case {
    let mask = |values: &[f64]| Some(Array::new(&[1, 4], values));
    Case {
        masks: vec![
            mask(&[1.0, 0.0, 1.0, 0.0]),
            mask(&[1.0, 1.0, 0.0, 0.0]).filter(|_| second_has_one),
        ],
        ..case(
            kind,
            &[
                (&[1, 4, 1], &[3.0, 1.0, 5.0, 1.0]),
                (&[1, 4, 1], &[2.0, 4.0, 7.0, 8.0]),
            ],
        )
    }
}

#[test]
fn products_and_choices_leave_masked_steps_out() {
    // Numbers of Keras 3.15.
    let values = |kind, both| {
        masked(kind, both)
            .outputs::<f32>()
            .unwrap()
            .swap_remove(0)
            .values
    };
    assert_eq!(values("Multiply", true), [6.0, 4.0, 5.0, 0.0]);
    assert_eq!(values("Multiply", false), [6.0, 4.0, 35.0, 8.0]);
    assert_eq!(values("Maximum", true), [3.0, 4.0, 5.0, 1.0]);
    assert_eq!(values("Maximum", false), [3.0, 4.0, 7.0, 8.0]);
    assert_eq!(values("Minimum", true), [2.0, 4.0, 5.0, 1.0]);
    assert_eq!(values("Add", true), [5.0, 5.0, 12.0, 9.0]);
    for kind in KINDS {
        check_gradients(&masked(kind, true));
        check_gradients(&masked(kind, false));
    }
}

#[test]
fn the_output_has_a_mask_if_every_input_has_one() {
    let layer = create::<f32>("Add", &json!({})).unwrap();
    let inputs = [
        Shape::from([None, Some(4), Some(2)]),
        Shape::from([None, Some(4), Some(2)]),
    ];
    let steps = Shape::from([None, Some(4)]);
    assert_eq!(
        layer.mask_rule(&inputs, &[true, true]),
        MaskRule::Compute(steps)
    );
    assert_eq!(layer.mask_rule(&inputs, &[true, false]), MaskRule::None);
}
