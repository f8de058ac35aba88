//! The fused kernels against the plain ones.

use super::*;
use crate::kernels::recurrent::Kind;
use crate::rng::Stream;
use crate::testing::assert_close;

const ROWS: usize = 3;
const TIME: usize = 4;
const MASK: [f64; ROWS * TIME] = [1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0];

/// What one step forwards and one backwards leave in all their buffers.
fn step<F: Real>(kind: Kind, units: usize, masked: bool) -> Vec<Vec<F>> {
    let width = kind.gates() * units;
    let random = |n: usize, seed: u64| -> Vec<F> {
        let stream = Stream::new(seed, 0, 0);
        // Through f32, so that both types start from the same numbers.
        (0..ROWS * n)
            .map(|i| F::of(f64::from(4.0 * stream.uniform::<f32>(i as u64) - 2.0)))
            .collect()
    };
    let cell = Cell {
        kind,
        activation: &Activation::Tanh,
        recurrent_activation: &Activation::Sigmoid,
    };
    let mask: Vec<F> = if masked {
        MASK.map(F::of).to_vec()
    } else {
        Vec::new()
    };
    let skip = Skip {
        mask: &mask,
        time: TIME,
        at: 1,
        first: 0,
        each: 1,
    };
    let (mut values, mut extra) = (random(width, 1), random(units, 2));
    let (mut h, mut c, before) = (random(units, 3), random(units, 4), random(units, 5));
    let mut gates = Gates {
        cell: &cell,
        units,
        values: &mut values,
        sums: &mut [],
        extra: &mut extra,
        skip,
    };
    match kind {
        Kind::Simple => gates.simple(&mut h),
        Kind::Lstm => gates.lstm(&mut h, &mut c),
        Kind::Gru { reset_after } => {
            if !reset_after {
                gates.reset(&before);
            }
            gates.gru(&mut h, reset_after);
        }
    }
    let forward = [h.clone(), c.clone()];
    let (mut dh, mut dc, mut spare) = (
        random(units, 6),
        random(units, 7),
        vec![F::ZERO; ROWS * width],
    );
    let mut grads = GateGrads {
        cell: &cell,
        units,
        values: &mut values,
        sums: &[],
        extra: &mut extra,
        skip,
        spare: &mut spare,
    };
    match kind {
        Kind::Simple => grads.simple(&mut dh),
        Kind::Lstm => grads.lstm(&before, &mut dh, &mut dc),
        Kind::Gru { reset_after } => grads.gru(&before, &mut dh, reset_after),
    }
    if kind == Kind::Lstm {
        extra.clear(); // of use to the backward pass alone, and not set in rows that are skipped
    }
    forward.into_iter().chain([dh, dc, values, extra]).collect()
}

#[test]
fn fused_gates_are_the_plain_ones() {
    let kinds = [
        Kind::Simple,
        Kind::Lstm,
        Kind::Gru { reset_after: true },
        Kind::Gru { reset_after: false },
    ];
    for kind in kinds {
        for units in [1, 15, 16, 17, 40] {
            for masked in [false, true] {
                // The plain kernels serve f64 alone.
                let (fused, plain) = (
                    step::<f32>(kind, units, masked),
                    step::<f64>(kind, units, masked),
                );
                for (fused, plain) in fused.iter().zip(&plain) {
                    assert_close(fused, plain, 1e-6);
                }
            }
        }
    }
}
