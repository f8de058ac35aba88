//! Attention of one transformer block and embedding tables, on one thread: per call and, for attention, GFLOP/s.
//!
//! Sizes are those of a small language model (batch 16, 128 steps, 4 heads of 32) and of a longer sequence. The causal
//! rows count the same operations as the full ones, so their GFLOP/s tell what skipping the hidden half is worth.
//! Time is CPU time of the thread, so other jobs on the machine disturb little; the best sample is printed as well.

mod peak;

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use lamina::kernels::attention::{
    Gradients, Mask, Projected, Results, Rules, Sizes, attend, attend_backward,
};
use lamina::kernels::gather::{gather, scatter_add};
use peak::thread_time;

/// Samples, steps, heads, numbers in a head.
const SHAPES: [(usize, usize, usize, usize); 3] =
    [(16, 128, 4, 32), (32, 64, 4, 16), (2, 512, 8, 64)];

/// Ids in a batch, rows of the table, numbers in a row.
const TABLES: [(usize, usize, usize); 2] = [(16 * 128, 96, 128), (4096, 50_000, 64)];

fn wave(len: usize, pace: f32) -> Vec<f32> {
    (0..len).map(|i| (i as f32 * pace).sin()).collect()
}

/// Measures `work`; `amount` is how many operations or bytes it takes, `unit` is `GFLOP` or `GB`.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    id: &str,
    amount: usize,
    unit: &str,
    mut work: impl FnMut(),
) {
    let mut best = f64::INFINITY;
    group.throughput(Throughput::Elements(amount as u64));
    group.bench_function(id, |bencher| {
        bencher.iter_custom(|rounds| {
            let start = thread_time();
            (0..rounds).for_each(|_| work());
            let time = thread_time() - start;
            best = best.min(time.as_secs_f64() / rounds as f64);
            time
        });
    });
    let rate = amount as f64 / best / 1e9;
    println!("{id}: best {:.3} ms, {rate:.0} {unit}/s", best * 1e3);
}

fn attention(criterion: &mut Criterion) {
    println!("FMA peak of one core: {:.0} GFLOP/s", peak::gflops());
    let mut group = criterion.benchmark_group("attention");
    for (batch, steps, heads, dim) in SHAPES {
        let sizes = Sizes {
            outer: batch,
            inner: 1,
            heads,
            queries: steps,
            keys: steps,
            key_dim: dim,
            value_dim: dim,
        };
        let len = batch * steps * heads * dim;
        let (queries, keys, values) = (wave(len, 0.7), wave(len, 1.3), wave(len, 0.9));
        let projected = Projected {
            queries: &queries,
            keys: &keys,
            values: &values,
        };
        let mut context = vec![0.0; len];
        let mut saved = vec![0.0; sizes.saved()];
        let (mut dq, mut dk, mut dv) = (vec![0.0; len], vec![0.0; len], vec![0.0; len]);
        let product = 2 * sizes.scores() * dim;
        for (name, is_causal) in [("full", false), ("causal", true)] {
            let mask = Mask {
                is_causal,
                ..Mask::none()
            };
            let rules = Rules {
                scale: 1.0 / (dim as f32).sqrt(),
                mask,
                empty_is_uniform: true,
                dropout: None,
            };
            let id = format!("{name}/{batch}x{steps}x{heads}x{dim}");
            measure(
                &mut group,
                &format!("forward/{id}"),
                2 * product,
                "GFLOP",
                || {
                    let saved = Some(&mut saved[..]);
                    let results = Results {
                        context: &mut context,
                        saved,
                        scores: None,
                    };
                    attend(sizes, projected, &rules, results);
                    black_box(&context);
                },
            );
            measure(
                &mut group,
                &format!("backward/{id}"),
                4 * product,
                "GFLOP",
                || {
                    let gradients = Gradients {
                        queries: &mut dq,
                        keys: &mut dk,
                        values: &mut dv,
                    };
                    attend_backward(
                        sizes, projected, &rules, &mut saved, &context, None, gradients,
                    );
                    black_box(&dq);
                },
            );
        }
    }
    group.finish();
}

fn embedding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("embedding");
    for (count, rows, width) in TABLES {
        let ids: Vec<f32> = (0..count).map(|i| (i * 7919 % rows) as f32).collect();
        let mut table = wave(rows * width, 0.3);
        let mut output = vec![0.0; count * width];
        let id = format!("{count}of{rows}x{width}");
        let bytes = output.len() * size_of::<f32>();
        measure(&mut group, &format!("gather/{id}"), bytes, "GB", || {
            gather(&table, width, black_box(&ids), &mut output);
        });
        measure(
            &mut group,
            &format!("scatter_add/{id}"),
            bytes,
            "GB",
            || {
                scatter_add(black_box(&ids), &output, width, &mut table);
            },
        );
    }
    group.finish();
}

criterion_group!(benches, attention, embedding);
criterion_main!(benches);
