//! Structures: shared layers, several outputs, views, penalties on outputs; what the plan makes of them.

use lamina::Result;
use lamina::runner::Gradients;
use serde_json::{Value, json};

use crate::runner;

/// Gradients of `sum(outputs)` in a graph whose inputs are all `(2, 3)`.
fn gradients(layers: &Value, structure: &Value) -> Result<Gradients<f64>> {
    let mut runner = runner::<f64>(layers, structure)?;
    let x: Vec<f64> = (0..6).map(|i| f64::from(i) * 0.5 - 1.0).collect();
    let inputs = vec![(&[2, 3][..], x.as_slice()); runner.graph().inputs().len()];
    let outputs = runner.predict(&inputs, false)?;
    let ones: Vec<_> = outputs
        .iter()
        .map(|(_, values)| Some(vec![1.0; values.len()]))
        .collect();
    runner.gradients(&inputs, &ones, false)
}

fn input() -> Value {
    json!(["InputLayer", {"shape": [null, 3]}])
}

#[test]
fn a_tensor_read_twice_by_one_call_gets_both_gradients() {
    let structure = json!({
        "nodes": [{"layer": 0}, {"layer": 1, "inputs": [[0, 0], [0, 0]]}],
        "inputs": [0], "outputs": [[1, 0]],
    });
    let g = gradients(&json!([input(), ["Add", {}]]), &structure).unwrap();
    assert_eq!(g.inputs[0].as_deref(), Some(&[2.0; 6][..]));
}

#[test]
fn a_tensor_that_is_an_output_twice_gets_both_gradients() {
    let structure = json!({
        "nodes": [{"layer": 0}, {"layer": 1, "inputs": [[0, 0], [0, 0]]}],
        "inputs": [0], "outputs": [[1, 0], [1, 0], [0, 0]],
    });
    let g = gradients(&json!([input(), ["Add", {}]]), &structure).unwrap();
    assert_eq!(g.inputs[0].as_deref(), Some(&[5.0; 6][..]));
}

#[test]
fn a_view_passes_its_gradient_alone_or_together_with_others() {
    let layers = json!([input(), ["Reshape", {"target_shape": [3, 1]}], ["Reshape", {"target_shape": [3]}], ["Add", {}]]);
    let alone = json!({
        "nodes": [{"layer": 0}, {"layer": 1, "inputs": [[0, 0]]}, {"layer": 2, "inputs": [[1, 0]]}],
        "inputs": [0], "outputs": [[2, 0]],
    });
    assert_eq!(
        gradients(&layers, &alone).unwrap().inputs[0].as_deref(),
        Some(&[1.0; 6][..])
    );
    let together = json!({
        "nodes": [
            {"layer": 0}, {"layer": 1, "inputs": [[0, 0]]}, {"layer": 2, "inputs": [[1, 0]]},
            {"layer": 3, "inputs": [[0, 0], [2, 0]]},
        ],
        "inputs": [0], "outputs": [[3, 0], [2, 0]],
    });
    assert_eq!(
        gradients(&layers, &together).unwrap().inputs[0].as_deref(),
        Some(&[3.0; 6][..])
    );
}

#[test]
fn a_shared_layer_sums_the_gradients_of_its_calls() {
    let dense = json!(["Dense", {"units": 3, "kernel_initializer": "ones"}]);
    let once = json!({
        "nodes": [{"layer": 0}, {"layer": 1, "inputs": [[0, 0]]}],
        "inputs": [0], "outputs": [[1, 0]],
    });
    let twice = json!({
        "nodes": [{"layer": 0}, {"layer": 1, "inputs": [[0, 0]]}, {"layer": 1, "inputs": [[0, 0]]}],
        "inputs": [0], "outputs": [[1, 0], [2, 0]],
    });
    let layers = json!([input(), dense]);
    let (once, twice) = (
        gradients(&layers, &once).unwrap(),
        gradients(&layers, &twice).unwrap(),
    );
    for (once, twice) in once.weights[1].iter().zip(&twice.weights[1]) {
        let doubled: Option<Vec<f64>> = once.as_ref().map(|g| g.iter().map(|g| 2.0 * g).collect());
        assert_eq!(&doubled, twice);
    }
}

#[test]
fn a_penalty_on_an_output_adds_its_gradient_divided_by_the_batch() {
    let structure = json!({
        "nodes": [{"layer": 0}, {"layer": 1, "inputs": [[0, 0]]}],
        "inputs": [0], "outputs": [[1, 0]],
    });
    let penalty = json!({"class_name": "L2", "config": {"l2": 0.5}});
    let layers = json!([input(), ["Reshape", {"target_shape": [3]}, penalty]]);
    let g = gradients(&layers, &structure).unwrap();
    // d/dx (sum x + 0.5 * sum x^2 / 2) = 1 + x / 2
    let expected: Vec<f64> = (0..6)
        .map(|i| 1.0 + (f64::from(i) * 0.5 - 1.0) / 2.0)
        .collect();
    assert_eq!(g.inputs[0].as_deref(), Some(expected.as_slice()));
}

#[test]
fn a_graph_that_cannot_be_is_refused() {
    let layers = json!([input(), ["Dense", {"units": 2}]]);
    let later = json!({
        "nodes": [{"layer": 1, "inputs": [[1, 0]]}, {"layer": 0}], "inputs": [1], "outputs": [[0, 0]],
    });
    assert_eq!(
        gradients(&layers, &later).unwrap_err().to_string(),
        "Graph: expected an output of an earlier node, got output 0 of node 1"
    );
    let forgotten = json!({
        "nodes": [{"layer": 0}, {"layer": 0}, {"layer": 1, "inputs": [[1, 0]]}], "inputs": [0], "outputs": [[2, 0]],
    });
    let message = gradients(&layers, &forgotten).unwrap_err().to_string();
    assert!(
        message.contains("every InputLayer among the model's inputs"),
        "{message}"
    );
}

#[test]
fn data_of_another_shape_name_the_input() {
    let structure = json!({"nodes": [{"layer": 0}], "inputs": [0], "outputs": [[0, 0]]});
    let mut runner =
        runner::<f32>(&json!([["InputLayer", {"shape": [null, 4]}]]), &structure).unwrap();
    let error = runner.predict(&[(&[2, 3], &[0.0; 6])], false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "InputLayer \"inputlayer_0\": expected data of shape (None, 4), got (2, 3)"
    );
}

/// How many calls of each kind a chain of these layers runs.
fn calls_of(kind: &str, layers: &Value) -> usize {
    let runner = crate::chain::<f32>(layers).unwrap();
    let nodes = runner.graph().nodes().iter();
    nodes.filter(|node| node.layer.kind() == kind).count()
}

#[test]
fn channels_that_come_first_are_moved_once_on_the_way_in_and_once_on_the_way_out() {
    let image = json!(["InputLayer", {"shape": [null, 3, 8, 8]}]);
    let conv = json!(["Conv2D", {"filters": 4, "kernel_size": 3, "data_format": "channels_first"}]);
    let norm = json!(["BatchNormalization", {"axis": 1}]);
    let rows = json!(["BatchNormalization", {"axis": 2}]);
    let relu = json!(["ReLU", {}]);
    let softmax = json!(["Activation", {"activation": "softmax"}]);
    let dropout = json!(["Dropout", {"rate": 0.5}]);
    let pool = json!(["MaxPooling2D", {"pool_size": 2, "data_format": "channels_first"}]);
    let flat = json!(["Flatten", {"data_format": "channels_first"}]);
    for (layers, moves) in [
        (json!([image, conv]), 2),
        (json!([image, relu, norm]), 0),
        (
            json!([image, conv, norm, relu, dropout, conv, rows, pool]),
            2,
        ),
        (json!([image, conv, relu, pool, flat]), 1),
        // Softmax is along the last axis, which is the width.
        (json!([image, conv, softmax, conv]), 4),
    ] {
        assert_eq!(calls_of("Permute", &layers), moves, "{layers}");
    }
}

#[test]
fn branches_share_what_is_moved() {
    let conv = json!(["Conv2D", {"filters": 3, "kernel_size": 1, "data_format": "channels_first"}]);
    let layers = json!([["InputLayer", {"shape": [null, 3, 4, 4]}], conv, ["Add", {}], ["Concatenate", {"axis": 1}]]);
    let structure = json!({
        "nodes": [
            {"layer": 0}, {"layer": 1, "inputs": [[0, 0]]}, {"layer": 1, "inputs": [[0, 0]]},
            {"layer": 2, "inputs": [[0, 0], [1, 0]]}, {"layer": 3, "inputs": [[3, 0], [2, 0]]},
        ],
        "inputs": [0], "outputs": [[4, 0]],
    });
    let runner = runner::<f32>(&layers, &structure).unwrap();
    let nodes = runner.graph().nodes().iter();
    assert_eq!(
        nodes.filter(|node| node.layer.kind() == "Permute").count(),
        2
    );
    let output = runner.graph().outputs()[0];
    assert_eq!(
        runner.graph().tensors()[output].shape.to_string(),
        "(None, 6, 4, 4)"
    );
}
