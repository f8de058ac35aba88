//! Axes in another order.

use crate::parallel::for_each_chunk_mut;
use crate::real::Real;

/// Elements one chunk holds at least.
const CHUNK: usize = 1 << 14;

/// Writes `x`, of these sizes, to `y` with its axes in another order: axis `k` of `y` is axis `order[k]` of `x`. Added
/// to `y` if `accumulate`.
///
/// # Panics
/// If a length does not fit, or `order` does not name each axis.
pub fn permute<F: Real>(x: &[F], sizes: &[usize], order: &[usize], y: &mut [F], accumulate: bool) {
    assert!(x.len() == y.len() && sizes.len() == order.len(), "one rank");
    let Some((&last, outer)) = order.split_last() else {
        y.copy_from_slice(x);
        return;
    };
    if x.is_empty() {
        return;
    }
    let stride = |axis: usize| sizes[axis + 1..].iter().product::<usize>();
    let (width, step) = (sizes[last], stride(last));
    let rows = CHUNK.div_ceil(width);
    for_each_chunk_mut(y, rows * width, |index, y| {
        for (i, y) in y.chunks_exact_mut(width).enumerate() {
            let (mut row, mut start) = (index * rows + i, 0);
            for &axis in outer.iter().rev() {
                start += row % sizes[axis] * stride(axis);
                row /= sizes[axis];
            }
            let x = x[start..].iter().step_by(step);
            if accumulate {
                y.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
            } else {
                y.iter_mut().zip(x).for_each(|(y, &x)| *y = x);
            }
        }
    });
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
