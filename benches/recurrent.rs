//! Recurrent layers through their layer, forward and backward: GFLOP/s of the matrix products and the fraction of the FMA
//! peak measured in the same run; "recurrent-odd" sweeps sizes that fit no tile and prints the worst.
//!
//! ```text
//! cargo bench --bench recurrent -- '^recurrent/'      # one thread; '^recurrent-2-threads/', '^recurrent-odd/'
//! ```
//!
//! Every gate counts `2 * (inputs + units) * units` operations for a step of a sample, backward twice as many. On one
//! thread time is CPU time of the thread; on two it is the time that passes, for a quiet machine.

mod nets;
mod peak;
mod rows;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use rows::{Machine, Row, measure};
use serde_json::json;

/// Kind, its gates, and batch, time, inputs, units.
type Shape = (&'static str, usize, [usize; 4]);

/// Those of the workloads w6, w7, w8; one sample; the same for every kind.
const WORKLOADS: [Shape; 9] = [
    ("LSTM", 4, [32, 100, 64, 128]),
    ("LSTM", 4, [64, 64, 64, 256]),
    ("LSTM", 4, [32, 50, 256, 128]),
    ("LSTM", 4, [1, 100, 64, 128]),
    ("GRU", 3, [32, 50, 40, 128]),
    ("GRU", 3, [32, 50, 256, 128]),
    ("GRU", 3, [64, 64, 64, 256]),
    ("GRU", 3, [1, 50, 40, 128]),
    ("SimpleRNN", 1, [32, 100, 64, 128]),
];

const ODD: [Shape; 10] = [
    ("LSTM", 4, [7, 33, 5, 50]),
    ("LSTM", 4, [33, 20, 65, 33]),
    ("LSTM", 4, [32, 50, 1, 32]),
    ("LSTM", 4, [128, 100, 2, 64]),
    ("LSTM", 4, [8, 20, 300, 500]),
    ("GRU", 3, [7, 33, 5, 50]),
    ("GRU", 3, [33, 20, 65, 33]),
    ("GRU", 3, [8, 20, 300, 500]),
    ("SimpleRNN", 1, [7, 33, 5, 50]),
    ("SimpleRNN", 1, [33, 20, 65, 33]),
];

fn row(&(kind, gates, [batch, time, inputs, units]): &Shape) -> Row {
    let forward = (2 * batch * time * gates * (inputs + units) * units) as f64;
    Row {
        id: format!("{kind} {inputs}-{units} b{batch} t{time}"),
        kind,
        config: json!({"units": units, "return_sequences": true}),
        input: vec![batch, time, inputs],
        ids: None,
        flops: (forward, 2.0 * forward),
    }
}

fn table(criterion: &mut Criterion, name: &str, shapes: &[Shape], threads: usize) {
    let machine = Machine::new(threads);
    let mut group = criterion.benchmark_group(name);
    let rows = shapes.iter().map(row);
    let shares = rows.filter_map(|row| Some((measure(&mut group, &machine, &row)?, row.id)));
    if let Some((share, id)) = shares.min_by(|a, b| a.0.total_cmp(&b.0)) {
        println!(
            "the worst of {name}: {id}, {:.0} % of the peak",
            100.0 * share
        );
    }
    group.finish();
}

fn recurrent(criterion: &mut Criterion) {
    table(criterion, "recurrent", &WORKLOADS, 1);
    table(criterion, "recurrent-2-threads", &WORKLOADS, 2);
    table(criterion, "recurrent-odd", &ODD, 1);
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400));
    targets = recurrent
}
criterion_main!(benches);
