//! The mean of those steps of a sequence that a mask keeps; NaN where it keeps none, as in Keras.

use crate::kernels::reduce::sum;
use crate::parallel::for_each_chunk_mut;
use crate::real::Real;

/// `y[b, c] = sum over t of mask[b, t] * x[b, t, c] / sum over t of mask[b, t]`; what is masked may be anything, NaN too.
pub(super) fn forward<F: Real>(x: &[F], mask: &[F], sizes: &[usize], y: &mut [F]) {
    let (steps, channels) = (sizes[1], sizes[2]);
    for_each_chunk_mut(y, channels.max(1), |sample, y| {
        let x = &x[sample * steps * channels..][..steps * channels];
        let mask = &mask[sample * steps..][..steps];
        y.fill(F::ZERO);
        for (x, _) in x.chunks_exact(channels).zip(mask).filter(is_kept) {
            y.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
        }
        let count = F::of(sum(mask));
        y.iter_mut().for_each(|y| *y /= count);
    });
}

/// `dx[b, t, c] = mask[b, t] * dy[b, c] / sum over t of mask[b, t]`, added if `accumulate`.
pub(super) fn backward<F: Real>(
    dy: &[F],
    mask: &[F],
    sizes: &[usize],
    accumulate: bool,
    dx: &mut [F],
) {
    let (steps, channels) = (sizes[1], sizes[2]);
    for_each_chunk_mut(dx, (steps * channels).max(1), |sample, dx| {
        let dy = &dy[sample * channels..][..channels];
        let mask = &mask[sample * steps..][..steps];
        if !accumulate {
            dx.fill(F::ZERO);
        }
        let count = F::of(sum(mask));
        for (dx, _) in dx.chunks_exact_mut(channels).zip(mask).filter(is_kept) {
            dx.iter_mut()
                .zip(dy)
                .for_each(|(dx, &dy)| *dx += dy / count);
        }
    });
}

fn is_kept<T, F: Real>((_, mask): &(T, &F)) -> bool {
    **mask != F::ZERO
}
