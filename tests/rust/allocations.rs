//! A warm step allocates nothing: counted by the allocator of this binary, so this is its only test.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lamina::graph::{Graph, GraphSpec};
use lamina::named_layer::NamedLayer;
use lamina::parallel;
use lamina::runner::{Purpose, Runner, Sizes};
use lamina::training::Training;
use serde_json::{Value, json};

struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const BATCH: usize = 32;
const STEPS: usize = 20;

/// The sizes of a sample, layers (kind, configuration, numbers of the layers that it takes); the last gives 10 numbers.
fn nets() -> Vec<(&'static str, Vec<usize>, Value)> {
    let classes = json!(["Dense", {"units": 10}]);
    vec![
        (
            "dense",
            vec![256],
            json!([["Dense", {"units": 256, "activation": "gelu"}], ["Dropout", {"rate": 0.2}], classes]),
        ),
        (
            "conv",
            vec![16, 16, 8],
            json!([
                ["Conv2D", {"filters": 32, "kernel_size": [3, 3], "padding": "same", "activation": "relu"}],
                ["BatchNormalization", {}],
                ["MaxPooling2D", {"pool_size": [2, 2]}],
                ["DepthwiseConv2D", {"kernel_size": [3, 3]}],
                ["Flatten", {}],
                classes,
            ]),
        ),
        (
            "recurrent",
            vec![20, 32],
            json!([
                ["LSTM", {"units": 64, "return_sequences": true}],
                ["GRU", {"units": 64}],
                classes,
            ]),
        ),
        (
            "attention",
            vec![32, 64],
            json!([
                ["LayerNormalization", {}],
                ["MultiHeadAttention", {"num_heads": 4, "key_dim": 16}, 2],
                ["GlobalAveragePooling1D", {}],
                classes,
            ]),
        ),
    ]
}

fn runner(sizes: &[usize], layers: &Value) -> Runner<f32> {
    let shape: Vec<Value> = std::iter::once(Value::Null)
        .chain(sizes.iter().map(|&n| json!(n)))
        .collect();
    let mut made = vec![NamedLayer::new(
        "InputLayer",
        "input",
        json!({"shape": shape}),
        None,
    )];
    let mut nodes = vec![json!({"layer": 0, "inputs": []})];
    for (i, layer) in layers.as_array().unwrap().iter().enumerate() {
        let kind = layer[0].as_str().unwrap();
        made.push(NamedLayer::new(
            kind,
            &format!("layer_{i}"),
            layer[1].clone(),
            None,
        ));
        let taken = layer.get(2).and_then(Value::as_u64).unwrap_or(1);
        let inputs: Vec<_> = (0..taken).map(|_| json!([i, 0])).collect();
        nodes.push(json!({"layer": i + 1, "inputs": inputs}));
    }
    let structure = json!({"inputs": [0], "outputs": [[nodes.len() - 1, 0]], "nodes": nodes});
    let spec: GraphSpec = serde_json::from_value(structure).unwrap();
    let layers = made.into_iter().map(|layer| Arc::new(layer.unwrap()));
    let graph = Graph::new(layers.collect(), &spec, 1).unwrap();
    let loss =
        json!({"class_name": "SparseCategoricalCrossentropy", "config": {"from_logits": true}});
    let config = json!({"optimizer": "adam", "losses": [loss], "metrics": [["accuracy"]]});
    let training = Training::new(&config, &graph).unwrap();
    let mut runner = Runner::new(graph, 2).unwrap();
    runner.set_training(training).unwrap();
    runner
}

/// Allocations of some steps.
fn count(runner: &mut Runner<f32>, purpose: Purpose, sizes: &Sizes) -> usize {
    let before = COUNT.load(Ordering::Relaxed);
    for _ in 0..STEPS {
        runner.prepare(purpose, sizes).unwrap();
        for (i, x) in runner.input_mut(0).iter_mut().enumerate() {
            *x = (i as f32 * 0.7).sin();
        }
        runner.target_mut(0).fill(3.0);
        runner.run(&|| false).unwrap();
    }
    COUNT.load(Ordering::Relaxed) - before
}

#[test]
fn warm_steps_allocate_nothing() {
    for threads in [1, 2] {
        parallel::set_num_threads(Some(threads)).unwrap();
        for (name, sample, layers) in nets() {
            let mut runner = runner(&sample, &layers);
            for purpose in [Purpose::Train, Purpose::Predict(false)] {
                let mut input = vec![BATCH];
                input.extend(&sample);
                let trains = purpose == Purpose::Train;
                let sizes = Sizes {
                    inputs: vec![input],
                    targets: trains.then(|| Some(vec![BATCH])).into_iter().collect(),
                    weights: trains.then_some(None).into_iter().collect(),
                };
                // Which thread works on what is chance: a thread is warm when it has done everything once.
                let warm = (0..20).any(|_| count(&mut runner, purpose, &sizes) == 0);
                assert!(warm, "{name}, {purpose:?}, {threads} threads");
            }
        }
    }
    parallel::set_num_threads(None).unwrap();
}
