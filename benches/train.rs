//! Whole training steps of ten networks from Rust, on one thread and on two: GFLOP/s of the products and the fraction of
//! the FMA peak measured in the same run. `benches/python/compare.py` times the same networks beside other libraries.
//!
//! ```text
//! cargo bench --bench train -- 'train/w1 '
//! ```

#[allow(dead_code, reason = "layers alone are for other benches")]
mod nets;
mod peak;
mod ten;

use std::cell::Cell;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lamina::parallel::set_num_threads;
use lamina::runner::{Purpose, Runner, Sizes};
use lamina::training::Training;
use nets::data_of;
use peak::thread_time;
use serde_json::json;
use ten::{TEN, Workload};

/// A network with its optimizer and a batch of data.
struct Trained {
    runner: Runner<f32>,
    sizes: Sizes,
    inputs: Vec<Vec<f32>>,
    targets: Vec<f32>,
}

impl Trained {
    fn new(work: &Workload) -> lamina::Result<Self> {
        let graph = work.graph();
        let optimizer = match work.optimizer {
            "SGD" => json!({"learning_rate": 0.01, "momentum": 0.9}),
            "AdamW" => json!({"learning_rate": 0.001, "weight_decay": 0.01}),
            _ => json!({"learning_rate": 0.001}),
        };
        let sparse = json!({
            "class_name": "SparseCategoricalCrossentropy",
            "config": {"from_logits": true},
        });
        let loss = if work.classes > 0 {
            sparse
        } else {
            json!("mse")
        };
        let config = json!({
            "optimizer": {"class_name": work.optimizer, "config": optimizer},
            "losses": [loss],
        });
        let training = Training::new(&config, &graph)?;
        let mut runner = Runner::new(graph, 0)?;
        runner.set_training(training)?;
        let input = [&[work.batch], work.input].concat();
        let mut inputs = vec![data_of(input.iter().product(), work.vocabulary)];
        let mut shapes = vec![input.clone()];
        if work.id == "w9" {
            // The places beside the tokens.
            inputs.push((0..work.batch * 128).map(|i| (i % 128) as f32).collect());
            shapes.push(input);
        }
        let target = work.target();
        let targets = data_of(
            target.iter().product(),
            Some(work.classes).filter(|&n| n > 0),
        );
        let sizes = Sizes {
            inputs: shapes,
            targets: vec![Some(target)],
            weights: vec![None],
        };
        Ok(Self {
            runner,
            sizes,
            inputs,
            targets,
        })
    }

    fn step(&mut self) -> lamina::Result<()> {
        self.runner.prepare(Purpose::Train, &self.sizes)?;
        for (i, data) in self.inputs.iter().enumerate() {
            self.runner.input_mut(i).copy_from_slice(data);
        }
        self.runner.target_mut(0).copy_from_slice(&self.targets);
        self.runner.run(&|| false)
    }
}

fn train(criterion: &mut Criterion) {
    for threads in [1, 2] {
        set_num_threads(Some(threads)).expect("a few threads");
        let peak = peak::gflops() * threads as f64;
        println!("{peak:.0} GFLOP/s peak of {threads} core(s)");
        let mut group = criterion.benchmark_group("train");
        for work in &TEN {
            let best = Cell::new(f64::INFINITY);
            let id = BenchmarkId::new(work.id, format!("{} {threads} threads", work.name));
            group.throughput(Throughput::Elements(work.flops as u64));
            group.bench_function(id, |bencher| {
                let mut net = Trained::new(work).expect("a network that fits its data");
                bencher.iter_custom(|rounds| {
                    let (begun, cpu) = (Instant::now(), thread_time());
                    for _ in 0..rounds {
                        net.step().expect("a step that ends well");
                    }
                    let took = if threads == 1 {
                        thread_time() - cpu
                    } else {
                        begun.elapsed()
                    };
                    best.set(best.get().min(took.as_secs_f64() / rounds as f64));
                    took
                });
            });
            if best.get().is_finite() {
                let rate = work.flops / best.get() / 1e9;
                println!(
                    "{} {}: best {:.3} ms, {rate:.0} GFLOP/s = {:.0} % of the peak",
                    work.id,
                    work.name,
                    best.get() * 1e3,
                    100.0 * rate / peak
                );
            }
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500));
    targets = train
}
criterion_main!(benches);
