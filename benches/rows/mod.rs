//! Two rows of a table: a layer forward and backward.

use std::cell::Cell;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Throughput};
use lamina::parallel::set_num_threads;
use serde_json::Value;

use crate::nets::Alone;
use crate::peak;

/// A layer to measure.
pub struct Row {
    /// What it is called in the table.
    pub id: String,
    /// Its kind.
    pub kind: &'static str,
    /// Its configuration.
    pub config: Value,
    /// Sizes of the input, batch first.
    pub input: Vec<usize>,
    /// The input is ids below this.
    pub ids: Option<usize>,
    /// Multiplications and additions forward and backward, of products alone; 0 if it has none.
    pub flops: (f64, f64),
}

/// Threads, the clock that fits them, and the peak of as many cores.
pub struct Machine {
    threads: usize,
    started: Instant,
    /// GFLOP/s.
    pub peak: f64,
}

impl Machine {
    /// On one thread the clock is CPU time of the thread; on more the time that passes.
    pub fn new(threads: usize) -> Self {
        set_num_threads(Some(threads)).expect("a few threads");
        let peak = peak::gflops() * threads as f64;
        println!("{peak:.0} GFLOP/s peak of {threads} core(s)");
        Self {
            threads,
            started: Instant::now(),
            peak,
        }
    }

    fn now(&self) -> Duration {
        if self.threads == 1 {
            peak::thread_time()
        } else {
            self.started.elapsed()
        }
    }
}

/// Measures both directions; gives the lower fraction of the peak, where products were counted and something was run.
///
/// Backward is a run with it less a run without.
pub fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    machine: &Machine,
    row: &Row,
) -> Option<f64> {
    let made = Cell::new(None);
    let mut lowest: Option<f64> = None;
    for (direction, flops) in [("forward", row.flops.0), ("backward", row.flops.1)] {
        let best = Cell::new((f64::INFINITY, f64::INFINITY));
        let amount = if flops > 0.0 {
            flops as u64
        } else {
            row.input.iter().product::<usize>() as u64
        };
        group.throughput(Throughput::Elements(amount));
        group.bench_function(BenchmarkId::new(direction, &row.id), |bencher| {
            let mut layer = made
                .take()
                .unwrap_or_else(|| Alone::new((row.kind, &row.config), &row.input, row.ids, true));
            bencher.iter_custom(|rounds| {
                let mut total = Duration::ZERO;
                for _ in 0..rounds {
                    let (more, less) = if direction == "forward" {
                        (layer.forward(&|| machine.now()), Duration::ZERO)
                    } else {
                        (
                            layer.both(&|| machine.now()),
                            layer.forward(&|| machine.now()),
                        )
                    };
                    let (a, b) = best.get();
                    best.set((a.min(more.as_secs_f64()), b.min(less.as_secs_f64())));
                    total += more.saturating_sub(less).max(Duration::from_nanos(1));
                }
                total
            });
            made.set(Some(layer));
        });
        let seconds = best.get().0 - best.get().1;
        if !seconds.is_finite() {
            continue; // filtered out
        }
        let share = flops / seconds.max(1e-9) / 1e9 / machine.peak;
        if flops > 0.0 {
            println!(
                "{direction}/{}: best {:.3} ms, {:.0} GFLOP/s = {:.0} % of the peak",
                row.id,
                seconds * 1e3,
                share * machine.peak,
                100.0 * share
            );
            lowest = Some(lowest.unwrap_or(share).min(share));
        } else {
            println!(
                "{direction}/{}: best {:.4} ms, {:.2} G inputs/s",
                row.id,
                seconds * 1e3,
                amount as f64 / seconds.max(1e-9) / 1e9
            );
        }
    }
    lowest
}
