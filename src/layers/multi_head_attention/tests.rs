use std::sync::Arc;

use serde_json::{Value, json};

use crate::graph::{Graph, GraphSpec, NodeSpec};
use crate::layers::create;
use crate::named_layer::NamedLayer;
use crate::runner::Runner;
use crate::shape::Shape;
use crate::testing::{Array, Case, assert_close, check_gradients};

/// Two heads over a query of 4 and a value of 5 positions.
fn case(config: Value, call: Value) -> Case {
    let mut all = json!({"num_heads": 2, "key_dim": 3});
    all.as_object_mut()
        .unwrap()
        .extend(config.as_object().unwrap().clone());
    Case {
        kind: "MultiHeadAttention",
        config: all,
        call: Some(call),
        inputs: vec![Array::random(&[2, 4, 3], 1), Array::random(&[2, 5, 4], 2)],
        ..Case::default()
    }
}

fn with_key(config: Value, call: Value) -> Case {
    let mut case = case(config, call);
    case.inputs.push(Array::random(&[2, 5, 2], 3));
    case.call.as_mut().unwrap()["has_key"] = json!(true);
    case
}

fn mask(shape: &[usize], drop: usize) -> Array {
    let len = shape.iter().product::<usize>();
    let values: Vec<f64> = (0..len).map(|i| f64::from(i % drop != 1)).collect();
    Array::new(shape, &values)
}

/// One head of one feature; q = k = v = x.
fn plain(config: Value, call: Value, x: &[f64]) -> Case {
    let mut all = json!({"num_heads": 1, "key_dim": 1, "use_bias": false});
    all.as_object_mut()
        .unwrap()
        .extend(config.as_object().unwrap().clone());
    let x = Array::new(&[1, x.len(), 1], x);
    Case {
        kind: "MultiHeadAttention",
        config: all,
        call: Some(call),
        inputs: vec![x.clone(), x],
        weights: vec![vec![1.0]; 4],
        ..Case::default()
    }
}

const E: f64 = std::f64::consts::E;

#[test]
fn positions_take_the_mean_weighted_by_the_softmax_of_products() {
    let outputs = plain(
        json!({}),
        json!({"return_attention_scores": true}),
        &[1.0, 0.0],
    )
    .outputs::<f64>()
    .unwrap();
    assert_close::<f64>(&outputs[0].values, &[E / (E + 1.0), 0.5], 1e-15);
    assert_close::<f64>(
        &outputs[1].values,
        &[E / (E + 1.0), 1.0 / (E + 1.0), 0.5, 0.5],
        1e-15,
    );
    assert_eq!(outputs[1].shape, [1, 1, 2, 2]);
}

#[test]
fn a_causal_mask_hides_what_comes_later() {
    let outputs = plain(
        json!({}),
        json!({"use_causal_mask": true}),
        &[0.0, 1.0, 9.0],
    )
    .outputs::<f64>()
    .unwrap();
    assert_close::<f64>(&outputs[0].values[..2], &[0.0, E / (E + 1.0)], 1e-15);
}

#[test]
fn a_sliding_window_hides_what_is_far_away() {
    let outputs = plain(json!({"sliding_window": 1}), json!({}), &[0.0, 1.0, 9.0])
        .outputs::<f64>()
        .unwrap();
    assert_close::<f64>(&outputs[0].values, &[0.0, 1.0, 9.0], 1e-15);
}

#[test]
fn queries_that_may_see_nothing_get_what_keras_gives_them() {
    let masked = |config: Value, call: Value| {
        let mut case = plain(config, call, &[1.0, 3.0]);
        case.inputs.push(Array::new(&[2, 2], &[0.0, 0.0, 1.0, 0.0]));
        case.call.as_mut().unwrap()["has_attention_mask"] = json!(true);
        case.outputs::<f32>().unwrap().swap_remove(0).values
    };
    assert_eq!(masked(json!({}), json!({})), [2.0, 1.0]);
    assert_eq!(
        masked(json!({}), json!({"return_attention_scores": true})),
        [0.0, 1.0]
    );
    assert_eq!(masked(json!({"dropout": 0.5}), json!({})), [0.0, 1.0]);
}

#[test]
fn gradients_agree_with_differences() {
    let scores = json!({"return_attention_scores": true});
    let causal = json!({"use_causal_mask": true});
    check_gradients(&case(json!({}), json!({})));
    check_gradients(&case(
        json!({"use_bias": false, "value_dim": 2}),
        scores.clone(),
    ));
    check_gradients(&case(
        json!({"output_shape": [2, 3], "sliding_window": 2}),
        causal.clone(),
    ));
    check_gradients(&case(
        json!({"use_gate": true, "value_dim": 2}),
        causal.clone(),
    ));
    check_gradients(&with_key(json!({}), scores));
    let dropout = case(
        json!({"dropout": 0.4, "seed": 3}),
        json!({"return_attention_scores": true}),
    );
    check_gradients(&Case {
        training: true,
        ..dropout
    });
}

#[test]
fn gradients_respect_masks() {
    let masks = vec![
        Some(mask(&[2, 4], 3)),
        Some(mask(&[2, 5], 4)),
        Some(mask(&[2, 5], 5)),
    ];
    check_gradients(&Case {
        masks: masks.clone(),
        ..with_key(json!({}), json!({}))
    });
    let scores = json!({"return_attention_scores": true, "use_causal_mask": true});
    check_gradients(&Case {
        masks,
        ..with_key(json!({}), scores)
    });
    for shape in [
        &[4, 5][..],
        &[1, 5],
        &[2, 4, 5],
        &[2, 1, 4, 5],
        &[1, 2, 4, 1],
    ] {
        let mut case = case(json!({}), json!({"has_attention_mask": true}));
        case.inputs.push(mask(shape, 3));
        check_gradients(&Case {
            discrete: true,
            ..case
        });
    }
}

#[test]
fn other_axes_than_the_attention_axes_are_samples() {
    for axes in [
        json!(null),
        json!(1),
        json!([2]),
        json!([-3, -2]),
        json!([1, 2]),
    ] {
        let inputs = vec![
            Array::random(&[2, 2, 3, 2], 1),
            Array::random(&[2, 2, 3, 2], 2),
        ];
        let config = json!({"attention_axes": axes, "num_heads": 2, "key_dim": 2});
        check_gradients(&Case {
            inputs,
            ..case(config, json!({"return_attention_scores": true}))
        });
    }
}

#[test]
fn query_and_value_may_be_one_tensor() {
    let layer = || {
        let config = json!({"num_heads": 2, "key_dim": 3});
        Arc::new(NamedLayer::<f64>::new("MultiHeadAttention", "attention", config, None).unwrap())
    };
    let input = |i: usize| {
        let config = json!({"shape": [2, 4, 3]});
        Arc::new(NamedLayer::new("InputLayer", &format!("input_{i}"), config, None).unwrap())
    };
    let x = Array::random(&[2, 4, 3], 1);
    let gradients = |shared: bool| {
        let value = if shared { 0 } else { 1 };
        let node = |layer, inputs| NodeSpec {
            layer,
            inputs,
            ..NodeSpec::default()
        };
        let mut nodes = vec![node(1, vec![]), node(0, vec![(0, 0), (value, 0)])];
        let mut layers = vec![layer(), input(0)];
        let mut inputs = vec![0];
        if !shared {
            layers.push(input(1));
            nodes.insert(1, node(2, vec![]));
            inputs.push(1);
        }
        let outputs = vec![(nodes.len() - 1, 0)];
        let spec = GraphSpec {
            nodes,
            inputs,
            outputs,
        };
        let mut runner = Runner::new(Graph::new(layers, &spec, 7).unwrap(), 7).unwrap();
        let data = vec![(&x.shape[..], &x.values[..]); spec.inputs.len()];
        let cotangent = Array::random(&[2, 4, 3], 9).values;
        runner.gradients(&data, &[Some(cotangent)], false).unwrap()
    };
    let (shared, apart) = (gradients(true), gradients(false));
    assert_eq!(shared.outputs, apart.outputs);
    let both = apart
        .inputs
        .iter()
        .map(|grad| grad.clone().unwrap())
        .collect::<Vec<_>>();
    let sum: Vec<f64> = both[0].iter().zip(&both[1]).map(|(a, b)| a + b).collect();
    assert_close(&shared.inputs[0].clone().unwrap(), &sum, 1e-14);
}

#[test]
fn weights_are_named_shaped_and_ordered_as_in_keras() {
    let names = |config: Value, inputs: &[Shape]| {
        let layer = create::<f32>("MultiHeadAttention", &config).unwrap();
        let params = layer.params(inputs).unwrap();
        let name = |p: &crate::param::ParamSpec| format!("{} {}", p.name, Shape::known(&p.shape));
        params.iter().map(name).collect::<Vec<_>>()
    };
    let query = Shape::from([None, None, Some(6)]);
    let value = Shape::from([None, None, Some(7)]);
    let config = json!({"num_heads": 2, "key_dim": 3, "value_dim": 5, "use_gate": true});
    let expected = [
        "query/kernel (6, 2, 3)",
        "query/bias (2, 3)",
        "key/kernel (7, 2, 3)",
        "key/bias (2, 3)",
        "gate/kernel (6, 2, 5)",
        "gate/bias (2, 5)",
        "value/kernel (7, 2, 5)",
        "value/bias (2, 5)",
        "attention_output/kernel (2, 5, 6)",
        "attention_output/bias (6,)",
    ];
    assert_eq!(names(config, &[query.clone(), value.clone()]), expected);
    let config = json!({"num_heads": 2, "key_dim": 3, "use_bias": false, "output_shape": [2, 4]});
    let expected = [
        "query/kernel (6, 2, 3)",
        "key/kernel (7, 2, 3)",
        "value/kernel (7, 2, 3)",
        "attention_output/kernel (2, 3, 2, 4)",
    ];
    assert_eq!(names(config, &[query, value]), expected);
}

#[test]
fn shapes_follow_the_query() {
    let shapes = |config: Value, inputs: &[Shape]| {
        let layer = create::<f32>("MultiHeadAttention", &config).unwrap();
        let shapes = layer.output_shapes(inputs).unwrap();
        shapes
            .iter()
            .map(Shape::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let query = Shape::from([None, None, Some(6)]);
    let value = Shape::from([None, Some(9), Some(7)]);
    let config = json!({"num_heads": 2, "key_dim": 3, "return_attention_scores": true});
    assert_eq!(
        shapes(config, &[query, value]),
        "(None, None, 6) (None, 2, None, 9)"
    );
    let grid = Shape::from([None, Some(3), Some(4), Some(5), Some(6)]);
    let config = json!({"num_heads": 2, "key_dim": 3, "attention_axes": [2], "return_attention_scores": true});
    assert_eq!(
        shapes(config, &[grid.clone(), grid]),
        "(None, 3, 4, 5, 6) (None, 3, 5, 2, 4, 4)"
    );
}

#[test]
fn mistakes_are_named() {
    let error = |config: Value, call: Value, inputs: &[&[usize]]| {
        let inputs = inputs.iter().map(|shape| Array::random(shape, 1)).collect();
        let error = Case {
            inputs,
            ..case(config, call)
        }
        .error();
        error
            .trim_start_matches("MultiHeadAttention \"multiheadattention\": ")
            .to_owned()
    };
    let (query, value): (&[usize], &[usize]) = (&[2, 4, 3], &[2, 5, 4]);
    let none = || json!({});
    assert_eq!(
        error(json!({"num_heads": 0}), none(), &[query, value]),
        "expected `num_heads` of at least 1, got 0"
    );
    assert_eq!(
        error(json!({"dropout": 1.5}), none(), &[query, value]),
        "expected `dropout` from 0 to 1, got 1.5"
    );
    assert_eq!(
        error(json!({"output_shape": "a"}), none(), &[query, value]),
        "expected `output_shape` to be an integer or a list of integers, got string \"a\""
    );
    assert_eq!(
        error(
            json!({"attention_axes": [1, 3]}),
            none(),
            &[&[2, 3, 4, 5, 6], &[2, 3, 4, 5, 6]]
        ),
        "expected `attention_axes` side by side and in order, between batch and features of an input with 5 axes, got (1, 3)"
    );
    assert_eq!(
        error(none(), none(), &[query]),
        "expected query, value, got 1 inputs"
    );
    assert_eq!(
        error(none(), none(), &[&[2, 3], value]),
        "expected a query of shape (batch, time, features), got (2, 3)"
    );
    assert_eq!(
        error(none(), none(), &[&[2, 4, 0], value]),
        "expected a query with a known number of features, got (2, 4, 0)"
    );
    assert_eq!(
        error(none(), none(), &[query, &[3, 5, 4]]),
        "expected a value with the batch axes of the query of shape (2, 4, 3), got (3, 5, 4)"
    );
    assert_eq!(
        error(
            none(),
            json!({"has_key": true}),
            &[query, value, &[2, 6, 4]]
        ),
        "expected a key that fits the value of shape (2, 5, 4) but for the last axis, got (2, 6, 4)"
    );
    assert_eq!(
        error(
            none(),
            json!({"has_attention_mask": true}),
            &[query, value, &[2, 5]]
        ),
        "expected an attention_mask that can be repeated to the scores of shape (2, 2, 4, 5), got (2, 5). \
         Its last axes are queries and keys: (batch, target, source)."
    );
    let huge = json!({"num_heads": 1u64 << 40, "key_dim": 1u64 << 40});
    assert!(error(huge, none(), &[query, value]).starts_with("expected at most"));
}
