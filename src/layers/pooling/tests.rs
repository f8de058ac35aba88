use serde_json::{Value, json};

use super::{Largest, Mean, Summary};
use crate::testing::{Array, Case, assert_close, check_gradients};

fn case(kind: &'static str, config: Value, shape: &[usize]) -> Case {
    Case {
        kind,
        config,
        inputs: vec![Array::random(shape, 1)],
        ..Case::default()
    }
}

#[test]
fn windows_give_their_maximum_and_mean() {
    #[rustfmt::skip]
    let input = Array::new(&[1, 3, 4, 1], &[
        1.0, 5.0, -2.0, -1.0,
        3.0, 2.0, -4.0, -3.0,
        9.0, 9.0, 9.0, 9.0,
    ]);
    for (kind, padding, expected) in [
        ("MaxPooling2D", "valid", &[5.0, -1.0][..]),
        ("AveragePooling2D", "valid", &[2.75, -2.5]),
        ("MaxPooling2D", "same", &[5.0, -1.0, 9.0, 9.0]),
        ("AveragePooling2D", "same", &[2.75, -2.5, 9.0, 9.0]),
    ] {
        let case = Case {
            inputs: vec![input.clone()],
            ..case(kind, json!({"pool_size": 2, "padding": padding}), &[1])
        };
        assert_close::<f64>(&case.outputs::<f64>().unwrap()[0].values, expected, 0.0);
        assert_close::<f64>(&case.outputs::<f32>().unwrap()[0].values, expected, 0.0);
    }
}

#[test]
fn gradients_agree_with_differences() {
    for kind in ["MaxPooling2D", "AveragePooling2D"] {
        for config in [
            json!({"pool_size": 2}),
            json!({"pool_size": [3, 2], "strides": [2, 1], "padding": "same"}),
            json!({"pool_size": 2, "strides": 3}),
        ] {
            check_gradients(&case(kind, config, &[2, 5, 6, 3]));
        }
    }
}

#[test]
fn wrong_settings_are_named() {
    let error = |config| case("MaxPooling2D", config, &[1, 4, 4, 3]).error();
    assert_eq!(
        error(json!({"pool_size": [2, 0]})),
        "MaxPooling2D \"maxpooling2d\": expected `pool_size` to be one or two positive integers, got (2, 0)"
    );
    assert_eq!(
        error(json!({"pool_size": 5})),
        "MaxPooling2D \"maxpooling2d\": expected images of at least 5 x 5, as the window reaches, got shape (1, 4, 4, 3). Use a smaller window or padding=\"same\"."
    );
    let huge = json!({"pool_size": 1u64 << 60, "padding": "same"});
    let all = case("AveragePooling2D", huge, &[1, 4, 4, 3])
        .outputs::<f32>()
        .unwrap();
    assert_eq!(all[0].shape, [1, 1, 1, 3]);
}

#[test]
fn every_rank_and_family_has_the_right_gradients() {
    for (rank, shape) in [
        (1, &[2, 7, 3][..]),
        (2, &[2, 5, 4, 3]),
        (3, &[2, 4, 5, 3, 2]),
    ] {
        for (kinds, config) in [
            (
                &Largest::KINDS[0],
                json!({"pool_size": 2, "padding": "same"}),
            ),
            (
                &Mean::KINDS[0],
                json!({"pool_size": 3, "strides": 2, "padding": "same"}),
            ),
            (&Largest::KINDS[1], json!({})),
            (&Mean::KINDS[1], json!({"keepdims": true})),
            (&Largest::KINDS[2], json!({"output_size": 2})),
            (&Mean::KINDS[2], json!({"output_size": 3})),
        ] {
            check_gradients(&case(kinds[rank - 1], config, shape));
        }
    }
}

#[test]
fn each_channel_gives_its_largest_number_and_its_mean() {
    for (kind, expected) in [
        ("GlobalAveragePooling3D", [3.0, -3.0]),
        ("GlobalMaxPooling3D", [6.0, -1.0]),
    ] {
        let case = Case {
            inputs: vec![Array::new(
                &[1, 2, 1, 2, 2],
                &[1., -1., 2., -2., 3., -3., 6., -6.],
            )],
            ..case(kind, json!({"keepdims": true}), &[1])
        };
        let output = &case.outputs::<f32>().unwrap()[0];
        assert_eq!(output.shape, [1, 1, 1, 1, 2]);
        assert_close::<f64>(&output.values, &expected, 0.0);
    }
}

#[test]
fn steps_that_a_mask_leaves_out_do_not_count() {
    let mut case = Case {
        inputs: vec![Array::new(&[2, 3, 1], &[1.0, f64::NAN, 4.0, 5.0, 6.0, 7.0])],
        masks: vec![Some(Array::new(&[2, 3], &[1.0, 0.0, 1.0, 0.0, 0.0, 0.0]))],
        ..case("GlobalAveragePooling1D", json!({}), &[1])
    };
    let output = &case.outputs::<f32>().unwrap()[0];
    assert_eq!(output.values[0], 2.5);
    assert!(output.values[1].is_nan()); // none is left, as in Keras
    case.inputs = vec![Array::random(&[2, 3, 2], 1)];
    case.masks = vec![Some(Array::new(&[2, 3], &[1.0, 0.0, 1.0, 0.0, 1.0, 0.0]))];
    check_gradients(&case);
}

#[test]
fn parts_are_as_even_as_can_be() {
    let case = Case {
        inputs: vec![Array::new(&[1, 5, 1], &[1.0, 2.0, 3.0, 4.0, 5.0])],
        ..case("AdaptiveAveragePooling1D", json!({"output_size": 2}), &[1])
    };
    assert_eq!(case.outputs::<f32>().unwrap()[0].values, [2.0, 4.0]);
}

#[test]
fn inputs_of_another_rank_are_refused() {
    let error = case("GlobalMaxPooling1D", json!({}), &[2, 3]).error();
    assert_eq!(
        error,
        "GlobalMaxPooling1D \"globalmaxpooling1d\": expected inputs of shape (batch, steps, channels), got shape (2, 3)"
    );
    let error = case("AdaptiveMaxPooling2D", json!({"output_size": 0}), &[2, 3]).error();
    assert_eq!(
        error,
        "AdaptiveMaxPooling2D \"adaptivemaxpooling2d\": expected `output_size` to be one or two positive integers, got (0,)"
    );
}
