//! Convolutions through their layer: forward, by the input, by the weights. GFLOP/s and the fraction of the FMA peak
//! measured in the same run; "conv-odd" sweeps sizes that fit no tile and prints the worst.
//!
//! ```text
//! cargo bench --bench conv -- '^conv/'      # one thread; '^conv-2-threads/', '^conv-odd/' for the rest
//! ```
//!
//! On one thread time is CPU time of the thread; on two it is the time that passes, for a quiet machine. A direction
//! backward is a run with it less a run without. Winograd does less than the operations counted and may pass 100 %.

mod nets;
mod peak;

use std::cell::Cell;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lamina::parallel::set_num_threads;
use nets::Alone;
use peak::thread_time;
use serde_json::{Value, json};

/// A convolution over images: batch, height and width, kernel, channels in and out, stride, groups, padding.
#[derive(Clone, Copy)]
struct Shape {
    batch: usize,
    size: (usize, usize),
    kernel: usize,
    channels: (usize, usize),
    stride: usize,
    groups: usize,
    same: bool,
}

const fn same(
    batch: usize,
    size: usize,
    kernel: usize,
    channels: (usize, usize),
    stride: usize,
) -> Shape {
    Shape {
        batch,
        size: (size, size),
        kernel,
        channels,
        stride,
        groups: 1,
        same: true,
    }
}

const fn valid(batch: usize, size: usize, kernel: usize, channels: (usize, usize)) -> Shape {
    Shape {
        same: false,
        ..same(batch, size, kernel, channels, 1)
    }
}

const fn depthwise(batch: usize, size: usize, channels: usize) -> Shape {
    Shape {
        groups: channels,
        ..same(batch, size, 3, (channels, channels), 1)
    }
}

const fn odd(
    batch: usize,
    size: (usize, usize),
    kernel: usize,
    channels: (usize, usize),
    stride: usize,
) -> Shape {
    Shape {
        size,
        ..same(batch, size.0, kernel, channels, stride)
    }
}

/// Those of the workloads w4, w5 and w10, and a depthwise one.
const WORKLOADS: [Shape; 16] = [
    valid(64, 28, 3, (1, 32)),
    valid(64, 26, 3, (32, 64)),
    same(64, 32, 3, (3, 64), 1),
    same(64, 32, 3, (64, 64), 1),
    same(64, 16, 3, (64, 128), 1),
    same(64, 16, 3, (128, 128), 1),
    same(64, 8, 3, (128, 256), 1),
    same(64, 8, 3, (256, 256), 1),
    same(32, 32, 3, (64, 64), 1),
    same(32, 32, 3, (64, 128), 2),
    same(32, 32, 1, (64, 128), 2),
    same(32, 16, 3, (128, 256), 2),
    same(32, 8, 3, (256, 512), 2),
    same(32, 4, 3, (512, 512), 1),
    same(8, 56, 1, (64, 256), 1),
    depthwise(8, 56, 64),
];

/// Sizes that are no multiple of a tile, small images, other kernels and strides.
const ODD: [Shape; 18] = [
    odd(1, (32, 32), 3, (64, 64), 1),
    odd(7, (7, 5), 3, (33, 65), 1),
    odd(33, (7, 5), 3, (64, 64), 1),
    odd(33, (13, 11), 3, (17, 19), 1),
    odd(7, (31, 29), 2, (48, 80), 1),
    odd(7, (31, 29), 5, (16, 48), 1),
    odd(7, (31, 29), 7, (8, 24), 1),
    odd(7, (31, 29), 3, (64, 96), 2),
    odd(7, (31, 29), 3, (64, 96), 3),
    odd(7, (31, 29), 1, (37, 41), 1),
    odd(1, (224, 224), 7, (3, 64), 2),
    odd(33, (16, 16), 3, (4, 10), 1),
    odd(33, (16, 16), 3, (100, 1), 1),
    odd(16, (32, 32), 3, (64, 1), 1),
    odd(16, (32, 32), 3, (64, 3), 1),
    odd(16, (32, 32), 1, (64, 2), 1),
    odd(16, (32, 32), 3, (64, 1), 2),
    odd(1, (1, 100), 3, (32, 32), 1),
];

impl Shape {
    fn input(&self) -> [usize; 4] {
        [self.batch, self.size.0, self.size.1, self.channels.0]
    }

    fn config(&self) -> Value {
        json!({
            "filters": self.channels.1,
            "kernel_size": [self.kernel, self.kernel],
            "strides": [self.stride, self.stride],
            "padding": if self.same { "same" } else { "valid" },
            "groups": self.groups,
            "use_bias": false,
        })
    }

    /// Multiplications and additions of one direction, those with the border counted.
    fn flops(&self) -> f64 {
        let out = |n: usize| {
            if self.same {
                n.div_ceil(self.stride)
            } else {
                (n - self.kernel) / self.stride + 1
            }
        };
        let places = self.batch * out(self.size.0) * out(self.size.1);
        let taps = self.kernel * self.kernel * self.channels.0 / self.groups;
        2.0 * (places * taps * self.channels.1) as f64
    }

    fn id(&self) -> String {
        let (k, s) = (self.kernel, self.stride);
        let groups = if self.groups > 1 {
            format!(" groups {}", self.groups)
        } else {
            String::new()
        };
        format!(
            "{k}x{k}/{s} {}-{}{groups} b{} {}x{}{}",
            self.channels.0,
            self.channels.1,
            self.batch,
            self.size.0,
            self.size.1,
            if self.same { "" } else { " valid" }
        )
    }
}

/// Measures the directions of the shapes; gives the worst fraction of the peak and who has it.
fn directions(
    criterion: &mut Criterion,
    name: &str,
    shapes: &[Shape],
    threads: usize,
) -> Option<(f64, String)> {
    let started = Instant::now();
    let clock = move || {
        if threads == 1 {
            thread_time()
        } else {
            started.elapsed()
        }
    };
    set_num_threads(Some(threads)).expect("a few threads");
    let peak = peak::gflops() * threads as f64;
    println!("{name}: {peak:.0} GFLOP/s peak of {threads} core(s)");
    let mut worst: Option<(f64, String)> = None;
    let mut group = criterion.benchmark_group(name);
    for shape in shapes {
        let (config, input) = (shape.config(), shape.input());
        let fixed = Alone::new(("Conv2D", &config), &input, None, false);
        let learned = Alone::new(("Conv2D", &config), &input, None, true);
        let (fixed, learned) = (Cell::new(Some(fixed)), Cell::new(Some(learned)));
        group.throughput(Throughput::Elements(shape.flops() as u64));
        for direction in ["forward", "data", "weights"] {
            let best = Cell::new((f64::INFINITY, f64::INFINITY));
            group.bench_function(BenchmarkId::new(direction, shape.id()), |bencher| {
                let (mut with, mut without) = (fixed.take(), learned.take());
                let (Some(fixed_layer), Some(learned_layer)) = (&mut with, &mut without) else {
                    return;
                };
                bencher.iter_custom(|rounds| {
                    let mut total = Duration::ZERO;
                    for _ in 0..rounds {
                        let (more, less) = match direction {
                            "forward" => (fixed_layer.forward(&clock), Duration::ZERO),
                            "data" => (fixed_layer.both(&clock), fixed_layer.forward(&clock)),
                            _ => (learned_layer.both(&clock), fixed_layer.both(&clock)),
                        };
                        let (a, b) = best.get();
                        best.set((a.min(more.as_secs_f64()), b.min(less.as_secs_f64())));
                        total += more.saturating_sub(less).max(Duration::from_nanos(1));
                    }
                    total
                });
                fixed.set(with);
                learned.set(without);
            });
            let (more, less) = best.get();
            if more.is_finite() {
                let rate = shape.flops() / (more - less).max(1e-9) / 1e9;
                println!(
                    "{direction}/{}: best {:.3} ms, {rate:.0} GFLOP/s = {:.0} % of the peak",
                    shape.id(),
                    (more - less) * 1e3,
                    100.0 * rate / peak
                );
                if worst.as_ref().is_none_or(|(least, _)| rate / peak < *least) {
                    worst = Some((rate / peak, format!("{direction}/{}", shape.id())));
                }
            }
        }
    }
    group.finish();
    worst
}

fn workloads(criterion: &mut Criterion) {
    directions(criterion, "conv", &WORKLOADS, 1);
    directions(criterion, "conv-2-threads", &WORKLOADS, 2);
}

fn sweep(criterion: &mut Criterion) {
    if let Some((fraction, id)) = directions(criterion, "conv-odd", &ODD, 1) {
        println!(
            "the worst of the odd sizes: {id}, {:.0} % of the peak",
            100.0 * fraction
        );
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400));
    targets = workloads, sweep
}
criterion_main!(benches);
