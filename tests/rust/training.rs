//! Whole training steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lamina::init::Initializer;
use lamina::metrics::Reading;
use lamina::parallel;
use lamina::param::ParamSpec;
use lamina::runner::Purpose;
use lamina::testing::Array;
use lamina::variables::{Variables, unite};
use serde_json::json;

use crate::{chain, compile, step};

fn mlp<F: lamina::Real>(last: &str) -> lamina::runner::Runner<F> {
    let layers = json!([
        ["InputLayer", {"shape": [null, 2]}],
        ["Dense", {"units": 16, "activation": "tanh"}],
        ["Dense", {"units": 2, "activation": last}],
    ]);
    chain(&layers).unwrap()
}

const XOR: (&[usize], &[f64]) = (&[4, 2], &[0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
const LABELS: (&[usize], &[f64]) = (&[4], &[0.0, 1.0, 1.0, 0.0]);

#[test]
fn a_small_network_learns_exclusive_or() {
    let mut runner = mlp::<f64>("softmax");
    let optimizer = json!({"class_name": "Adam", "config": {"learning_rate": 0.05}});
    let config = json!({"optimizer": optimizer, "losses": ["sparse_categorical_crossentropy"], "metrics": [["accuracy"]]});
    compile(&mut runner, &config).unwrap();
    for _ in 0..200 {
        step(&mut runner, Purpose::Train, XOR, LABELS).unwrap();
    }
    runner.training_mut().unwrap().reset_metrics();
    step(&mut runner, Purpose::Test, XOR, LABELS).unwrap();
    let results = runner.training().unwrap().results();
    let Reading::One(loss) = results[0].1 else {
        panic!("{results:?}");
    };
    assert!(loss < 0.02, "{results:?}");
    assert_eq!(results[1], ("0/accuracy".to_owned(), Reading::One(1.0)));
    assert_eq!(runner.training().unwrap().optimizer().unwrap().steps(), 200);
}

#[test]
fn softmax_in_the_model_trains_as_exactly_as_logits() {
    // Inputs so large that the probability of the true class underflows.
    let input = (&[1usize, 2][..], &[1000.0f32, -1000.0][..]);
    let loss_of = |last: &str, from_logits: bool| {
        let layers = json!([
            ["InputLayer", {"shape": [null, 2]}],
            ["Dense", {"units": 2, "activation": last, "kernel_initializer": {"class_name": "Identity", "config": {}}}],
        ]);
        let mut runner = chain::<f32>(&layers).unwrap();
        let loss = json!({"class_name": "SparseCategoricalCrossentropy", "config": {"from_logits": from_logits}});
        compile(&mut runner, &json!({"optimizer": "sgd", "losses": [loss]})).unwrap();
        step(&mut runner, Purpose::Train, input, (&[1], &[1.0])).unwrap();
        let weights = runner.graph().layers()[1]
            .variables()
            .unwrap()
            .get(0)
            .unwrap();
        (
            runner.training().unwrap().results()[0].1.clone(),
            weights,
            runner.output(0).1.to_vec(),
        )
    };
    let (fused, logits) = (loss_of("softmax", false), loss_of("linear", true));
    assert_eq!(fused.0, Reading::One(2000.0));
    assert_eq!((fused.0, &fused.1), (logits.0, &logits.1));
    assert_eq!(
        fused.2,
        [1.0, 0.0],
        "the output is probabilities all the same"
    );
}

#[test]
fn training_gives_the_same_bits_for_1_2_3_and_8_threads() {
    let (x, y) = (Array::random(&[64, 300], 1), Array::random(&[64, 200], 2));
    let f32s = |a: &Array| a.values.iter().map(|&v| v as f32).collect::<Vec<_>>();
    let (x, y) = (f32s(&x), f32s(&y));
    let weights = |threads: usize| {
        parallel::set_num_threads(Some(threads)).unwrap();
        let layers = json!([
            ["InputLayer", {"shape": [null, 300]}],
            ["Dense", {"units": 400, "activation": "gelu"}],
            ["Dense", {"units": 200}],
        ]);
        let mut runner = chain::<f32>(&layers).unwrap();
        let optimizer = json!({"class_name": "Adam", "config": {"clipnorm": 1.0}});
        compile(
            &mut runner,
            &json!({"optimizer": optimizer, "losses": ["mse"]}),
        )
        .unwrap();
        for _ in 0..3 {
            step(
                &mut runner,
                Purpose::Train,
                (&[64, 300], &x),
                (&[64, 200], &y),
            )
            .unwrap();
        }
        let variables = runner.graph().layers()[1]
            .variables()
            .unwrap()
            .get(0)
            .unwrap();
        parallel::set_num_threads(None).unwrap();
        variables.iter().map(|v| v.to_bits()).collect::<Vec<_>>()
    };
    let one = weights(1);
    for threads in [2, 3, 8] {
        assert!(
            one == weights(threads),
            "{threads} threads give other bits than one"
        );
    }
}

#[test]
fn a_cancelled_step_leaves_the_weights_alone() {
    let mut runner = mlp::<f64>("softmax");
    compile(
        &mut runner,
        &json!({"optimizer": "sgd", "losses": ["sparse_categorical_crossentropy"]}),
    )
    .unwrap();
    step(&mut runner, Purpose::Train, XOR, LABELS).unwrap();
    let weights = |runner: &lamina::runner::Runner<f64>| {
        runner.graph().layers()[1]
            .variables()
            .unwrap()
            .get(0)
            .unwrap()
    };
    let before = weights(&runner);
    let error = runner.run(&|| true).unwrap_err();
    assert_eq!(error.to_string(), "interrupted");
    assert_eq!(before, weights(&runner));
}

#[test]
fn training_without_compiling_says_what_to_do() {
    let error = step(&mut mlp::<f64>("linear"), Purpose::Train, XOR, LABELS).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected a compiled model, got one without loss and optimizer. Call compile() first."
    );
}

#[test]
fn a_frozen_layer_keeps_its_weights_and_thaws_again() {
    let mut runner = mlp::<f64>("softmax");
    compile(
        &mut runner,
        &json!({"optimizer": "adam", "losses": ["sparse_categorical_crossentropy"]}),
    )
    .unwrap();
    let frozen = std::sync::Arc::clone(&runner.graph().layers()[1]);
    let weights = || frozen.variables().unwrap().get(0).unwrap();
    frozen.set_trainable(false);
    let before = weights();
    step(&mut runner, Purpose::Train, XOR, LABELS).unwrap();
    assert_eq!(before, weights());
    frozen.set_trainable(true);
    step(&mut runner, Purpose::Train, XOR, LABELS).unwrap();
    assert_ne!(before, weights());
}

#[test]
fn no_step_is_lost_while_another_thread_builds_models_over_the_same_weights() {
    let train = |builds: bool| {
        let mut runner = mlp::<f64>("softmax");
        let config = json!({"optimizer": "adam", "losses": ["sparse_categorical_crossentropy"]});
        compile(&mut runner, &config).unwrap();
        let weights = Arc::clone(runner.graph().layers()[1].variables().unwrap());
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            if builds {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        let spec = ParamSpec::trainable("other", &[4], &Initializer::zeros());
                        let other = Variables::new(vec![spec], 0).unwrap();
                        unite(&[Arc::clone(&weights), other]).unwrap();
                    }
                });
            }
            for _ in 0..2000 {
                step(&mut runner, Purpose::Train, XOR, LABELS).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        weights.get(0).unwrap()
    };
    assert_eq!(train(true), train(false));
}
