use serde_json::json;

use crate::testing::{Array, Case, assert_close, check_gradients};

fn case(kind: &'static str, config: serde_json::Value, weights: Vec<Vec<f64>>) -> Case {
    Case {
        kind,
        config,
        inputs: vec![Array::random(&[2, 3, 4], 1), Array::random(&[2, 5, 4], 2)],
        weights,
        ..Case::default()
    }
}

#[test]
fn one_key_gives_its_value() {
    let mut case = case("Attention", json!({}), vec![]);
    case.inputs[1] = Array::new(&[2, 1, 4], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    let outputs = case.outputs::<f64>().unwrap();
    assert_close::<f64>(&outputs[0].values[..4], &[1.0, 2.0, 3.0, 4.0], 0.0);
}

#[test]
fn every_way_to_score_leads_gradients_back() {
    let config = json!({"use_scale": true});
    check_gradients(&case("Attention", config, vec![vec![0.7]]));
    let config = json!({"use_scale": true, "score_mode": "concat"});
    check_gradients(&case("Attention", config, vec![vec![0.7], vec![1.3]]));
    let scale = vec![vec![0.7, -0.2, 0.3, 1.0]];
    check_gradients(&case("AdditiveAttention", json!({}), scale));
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let mut case = case("Attention", json!({}), vec![]);
    case.inputs[1] = Array::random(&[2, 5, 3], 2);
    assert_eq!(
        case.error(),
        "Attention \"attention\": expected query (batch, queries, features), value (batch, keys, any) and key (batch, keys, \
         features), got shapes (2, 3, 4), (2, 5, 3). Without a key the value is the key, with as many features as the query."
    );
}
