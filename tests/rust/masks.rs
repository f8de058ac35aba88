//! The masks that layers compute, made visible: `Multiply` of one input sets to 0 what its mask skips.

use std::sync::Arc;

use lamina::graph::{Graph, GraphSpec, NodeSpec};
use lamina::named_layer::NamedLayer;
use lamina::runner::Runner;
use serde_json::{Value, json};

/// Sizes and values of an array.
type Data<'a> = (&'a [usize], &'a [f64]);

/// The output of a layer with 0 where its mask skips; and whether it has a mask.
fn revealed(
    kind: &str,
    config: Value,
    inputs: &[Data<'_>],
    masks: &[Option<Data<'_>>],
) -> (Vec<f64>, bool) {
    let make =
        |kind: &str, config| Arc::new(NamedLayer::<f64>::new(kind, kind, config, None).unwrap());
    let mut layers = vec![make(kind, config), make("Multiply", json!({}))];
    let mut spec = GraphSpec::default();
    let mut data = Vec::new();
    let mut add = |array: &Data<'_>, spec: &mut GraphSpec| {
        data.push((array.0.to_vec(), array.1.to_vec()));
        layers.push(make("InputLayer", json!({"shape": array.0})));
        let node = spec.nodes.len();
        let layer = layers.len() - 1;
        spec.nodes.push(NodeSpec {
            layer,
            ..NodeSpec::default()
        });
        spec.inputs.push(node);
        (node, 0)
    };
    let arguments = inputs.iter().map(|array| add(array, &mut spec)).collect();
    let masks = masks
        .iter()
        .map(|mask| mask.as_ref().map(|array| add(array, &mut spec)))
        .collect();
    let call = NodeSpec {
        layer: 0,
        inputs: arguments,
        masks: Some(masks),
        ..NodeSpec::default()
    };
    let layer = spec.nodes.len();
    let reveal = NodeSpec {
        layer: 1,
        inputs: vec![(layer, 0)],
        ..NodeSpec::default()
    };
    spec.nodes.extend([call, reveal]);
    spec.outputs.push((layer + 1, 0));
    let graph = Graph::new(layers, &spec, 1).unwrap();
    let is_masked = graph.tensors()[graph.call(layer).outputs[0]].mask.is_some();
    let mut runner = Runner::new(graph, 1).unwrap();
    let data: Vec<_> = data
        .iter()
        .map(|(shape, values)| (&shape[..], &values[..]))
        .collect();
    (
        runner.predict(&data, false).unwrap().swap_remove(0).1,
        is_masked,
    )
}

const STEPS: &[usize] = &[1, 4];
const FIRST: Option<Data<'_>> = Some((STEPS, &[1.0, 0.0, 1.0, 0.0]));
const SECOND: Option<Data<'_>> = Some((STEPS, &[1.0, 1.0, 0.0, 0.0]));
const INPUTS: [Data<'_>; 2] = [(&[1, 4, 1], &[1.0; 4]), (&[1, 4, 1], &[2.0; 4])];

#[test]
fn merged_steps_are_kept_if_any_input_keeps_them() {
    let (values, _) = revealed("Add", json!({}), &INPUTS, &[FIRST, SECOND]);
    assert_eq!(values, [3.0, 3.0, 3.0, 0.0]);
    let (values, is_masked) = revealed("Add", json!({}), &INPUTS, &[FIRST, None]);
    assert_eq!((&values[..], is_masked), (&[3.0; 4][..], false));
}

#[test]
fn merged_masks_are_repeated_with_their_inputs() {
    let inputs: [Data<'_>; 2] = [(&[1, 2, 2, 1], &[1.0; 4]), (&[1, 2, 1], &[1.0; 2])];
    let masks: [Option<Data<'_>>; 2] = [
        Some((&[1, 2, 2], &[0.0, 0.0, 1.0, 0.0])),
        Some((&[1, 2], &[1.0, 0.0])),
    ];
    let (values, _) = revealed("Add", json!({}), &inputs, &masks);
    assert_eq!(values, [2.0, 0.0, 2.0, 0.0]);
}

#[test]
fn masks_are_joined_along_the_time_axis() {
    let (values, _) = revealed("Concatenate", json!({"axis": 1}), &INPUTS, &[FIRST, SECOND]);
    assert_eq!(values, [1.0, 0.0, 1.0, 0.0, 2.0, 2.0, 0.0, 0.0]);
    let (values, is_masked) = revealed("Concatenate", json!({"axis": 1}), &INPUTS, &[None, SECOND]);
    assert_eq!(values, [1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 0.0, 0.0]);
    assert!(is_masked);
}

#[test]
fn joined_features_are_kept_if_any_input_keeps_them() {
    let (values, _) = revealed("Concatenate", json!({}), &INPUTS, &[FIRST, SECOND]);
    assert_eq!(values, [1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 0.0, 0.0]);
    let (values, is_masked) = revealed("Concatenate", json!({}), &INPUTS, &[FIRST, None]);
    assert_eq!(values, [1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
    assert!(is_masked);
}

#[test]
fn masking_and_embedding_make_masks() {
    let x: Data<'_> = (&[1, 3, 2], &[5.0, 5.0, 5.0, 1.0, 0.0, 0.0]);
    let (values, is_masked) = revealed("Masking", json!({"mask_value": 5.0}), &[x], &[None]);
    assert_eq!(
        (&values[..], is_masked),
        (&[0.0, 0.0, 5.0, 1.0, 0.0, 0.0][..], true)
    );
    let ids: Data<'_> = (&[1, 3], &[0.0, 1.0, 0.0]);
    let config = json!({
        "input_dim": 2, "output_dim": 1, "mask_zero": true, "embeddings_initializer": "ones",
    });
    let (values, _) = revealed("Embedding", config, &[ids], &[None]);
    assert_eq!(values, [0.0, 1.0, 0.0]);
}

#[test]
fn views_end_masks_and_attention_passes_that_of_the_query() {
    let x: [Data<'_>; 1] = [(&[1, 4, 1], &[1.0; 4])];
    assert!(!revealed("Flatten", json!({}), &x, &[FIRST]).1);
    assert!(!revealed("Reshape", json!({"target_shape": [4, 1]}), &x, &[FIRST]).1);
    let config = json!({"num_heads": 1, "key_dim": 1});
    let (values, is_masked) = revealed("MultiHeadAttention", config, &INPUTS, &[FIRST, None]);
    assert!(is_masked && values[1] == 0.0 && values[3] == 0.0);
}
