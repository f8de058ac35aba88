//! Gated linear unit: `y = a * sigmoid(b)` with a the first and b the second half of each row.
//!
//! Dauphin et al., "Language Modeling with Gated Convolutional Networks", 2017.

use super::{Sigmoid, values};
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;

/// Elements one chunk of rows holds at least.
const CHUNK: usize = 1 << 12;

/// Gates that are kept on the stack.
const BLOCK: usize = 64;

/// Overwrites `y`; `width` is the length of its rows, half that of the rows of `x`.
pub fn forward<F: Real>(x: &[F], y: &mut [F], width: usize) {
    assert_eq!(x.len(), 2 * y.len(), "rows of half the length");
    if width == 0 {
        return;
    }
    let chunk = CHUNK.div_ceil(width) * width;
    for_each_chunk_mut(y, chunk, |index, y| {
        let x = x[2 * index * chunk..].chunks_exact(2 * width);
        for (y, x) in y.chunks_exact_mut(width).zip(x) {
            let (a, b) = x.split_at(width);
            y.copy_from_slice(b);
            values(Sigmoid, y);
            y.iter_mut().zip(a).for_each(|(y, &a)| *y *= a);
        }
    });
}

/// `da = dy sigmoid(b)`, `db = dy a sigmoid(b) (1 - sigmoid(b))`; added to `dx` if `accumulate`.
pub fn backward<F: Real>(x: &[F], dy: &[F], dx: &mut [F], accumulate: bool, width: usize) {
    assert!(
        x.len() == 2 * dy.len() && x.len() == dx.len(),
        "rows of half the length"
    );
    if width == 0 {
        return;
    }
    let chunk = CHUNK.div_ceil(width) * width;
    for_each_chunk_mut(dx, 2 * chunk, |index, dx| {
        if !accumulate {
            dx.fill(F::ZERO);
        }
        let x = x[2 * index * chunk..].chunks_exact(2 * width);
        let dy = dy[index * chunk..].chunks_exact(width);
        for (dx, (x, dy)) in dx.chunks_exact_mut(2 * width).zip(x.zip(dy)) {
            let ((a, b), (da, db)) = (x.split_at(width), dx.split_at_mut(width));
            for start in (0..width).step_by(BLOCK) {
                let block = start..width.min(start + BLOCK);
                let mut gates = [F::ZERO; BLOCK];
                let gates = &mut gates[..block.len()];
                gates.copy_from_slice(&b[block.clone()]);
                values(Sigmoid, gates);
                for (i, &gate) in block.zip(&*gates) {
                    da[i] += dy[i] * gate;
                    db[i] += dy[i] * a[i] * gate * (F::ONE - gate);
                }
            }
        }
    });
}
