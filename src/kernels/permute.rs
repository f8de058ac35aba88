//! Axes in another order.

use crate::parallel::for_each_chunk_mut;
use crate::real::Real;

/// Elements one chunk holds at least.
const CHUNK: usize = 1 << 14;

/// The most axes [`permute`] takes.
const MAX_AXES: usize = 16;

/// Writes `x`, of these sizes, to `y` with its axes in another order: axis `k` of `y` is axis `order[k]` of `x`. Added
/// to `y` if `accumulate`.
///
/// # Panics
/// If a length does not fit, or `order` does not name each axis.
pub fn permute<F: Real>(x: &[F], sizes: &[usize], order: &[usize], y: &mut [F], accumulate: bool) {
    assert!(x.len() == y.len() && sizes.len() == order.len(), "one rank");
    let mut axes = [(1, 0); MAX_AXES];
    for (to, &axis) in axes.iter_mut().zip(order) {
        *to = (sizes[axis], sizes[axis + 1..].iter().product());
    }
    gather(x, &axes[..order.len()], y, accumulate);
}

/// Writes to `y`, whose axes have these sizes, the elements of `x` that lie so many places apart: `(size, step)` for
/// each axis. A step of 0 repeats. Added to `y` if `accumulate`.
///
/// # Panics
/// If `y` is not as long as the sizes say, or `x` is too short.
pub fn gather<F: Real>(x: &[F], axes: &[(usize, usize)], y: &mut [F], accumulate: bool) {
    let total: usize = axes.iter().map(|&(size, _)| size).product();
    assert_eq!(y.len(), total, "as long as the sizes say");
    if total == 0 {
        return;
    }
    let (&(width, step), outer) = axes.split_last().unwrap_or((&(1, 1), &[]));
    let rows = CHUNK.div_ceil(width);
    for_each_chunk_mut(y, rows * width, |index, y| {
        for (i, y) in y.chunks_exact_mut(width).enumerate() {
            let (mut row, mut start) = (index * rows + i, 0);
            for &(size, step) in outer.iter().rev() {
                start += row % size * step;
                row /= size;
            }
            put_row(&x[start..], step, y, accumulate);
        }
    });
}

fn put_row<F: Real>(x: &[F], step: usize, y: &mut [F], accumulate: bool) {
    let last = (y.len() - 1) * step;
    let put = |y: &mut F, x: F| *y = if accumulate { *y + x } else { x };
    match step {
        0 => y.iter_mut().for_each(|y| put(y, x[0])),
        1 => y.iter_mut().zip(x).for_each(|(y, &x)| put(y, x)),
        _ => {
            let x = x[..=last].iter().step_by(step);
            y.iter_mut().zip(x).for_each(|(y, &x)| put(y, x));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_change_places() {
        let x: Vec<f32> = (0..24).map(|i| i as f32).collect();
        let mut y = vec![1.0; 24];
        permute(&x, &[2, 3, 4], &[2, 0, 1], &mut y, true);
        for (i, &v) in x.iter().enumerate() {
            let (a, b, c) = (i / 12, i / 4 % 3, i % 4);
            assert_eq!(y[c * 6 + a * 3 + b], 1.0 + v);
        }
        let mut back = vec![0.0; 24];
        permute(&y, &[4, 2, 3], &[1, 2, 0], &mut back, false);
        assert!(back.iter().zip(&x).all(|(b, x)| *b == 1.0 + x));
    }
}
