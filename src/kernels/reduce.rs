//! Sums: over the rows of a matrix, column by column, and over whole slices. Parts depend on sizes alone and are added
//! in index order, so the bits do not depend on the number of threads or the level.

use std::ops::Range;

use crate::kernels::each::each_with;
use crate::kernels::simd::{Kernel, Simd, dispatch};
use crate::parallel::{for_each_chunk_mut, sum_chunks};
use crate::real::Real;

/// Columns that are summed together: their sums stay in the first cache.
pub const COLUMNS: usize = 64;

/// Rows whose sum is taken before it is added to the others: rounding grows with the length of a sum.
const ROWS: usize = 128;

/// Sums of one block of columns over one part of the rows that exist at once.
const PARTS: usize = 16;

/// Elements of a slice that one thread sums at a time.
const CHUNK: usize = 1 << 14;

/// Lanes that sums over slices are spread over.
const LANES: usize = 16;

/// `K` sums of one block of columns.
type Sums<F, const K: usize> = [[F; COLUMNS]; K];

/// What is summed over the rows of a matrix: `K` numbers for each element.
pub trait RowTerm<F, const K: usize>: Sync {
    /// Adds the numbers of the elements in `row` and `columns` (at most [`COLUMNS`] of them).
    fn add(&self, row: usize, columns: Range<usize>, sums: &mut [[F; COLUMNS]; K]);
}

/// `sums[k][j] = sum over the rows i of term(i, j)[k]`, or added to `sums` if `accumulate`.
///
/// # Panics
/// If a slice of sums is not `width` long.
pub fn fold_rows<F: Real, const K: usize>(
    term: &impl RowTerm<F, K>,
    rows: usize,
    width: usize,
    mut sums: [&mut [F]; K],
    accumulate: bool,
) {
    for sums in &mut sums {
        assert_eq!(sums.len(), width, "a sum for each column");
        if !accumulate {
            sums.fill(F::ZERO);
        }
    }
    let blocks = width.div_ceil(COLUMNS);
    let parts = (PARTS / blocks.max(1)).max(1);
    let rows_per_part = rows.div_ceil(parts).next_multiple_of(ROWS);
    let mut partials = [[[F::ZERO; COLUMNS]; K]; PARTS];
    let columns_of = |block: usize| block * COLUMNS..width.min((block + 1) * COLUMNS);
    for first in (0..blocks).step_by(PARTS / parts) {
        let tasks = (blocks - first).min(PARTS / parts) * parts;
        for_each_chunk_mut(&mut partials[..tasks], 1, |task, partial| {
            let start = task % parts * rows_per_part;
            dispatch(Fold {
                term,
                rows: start.min(rows)..rows.min(start + rows_per_part),
                columns: columns_of(first + task / parts),
                sums: &mut partial[0],
            });
        });
        for (task, partial) in partials[..tasks].iter().enumerate() {
            let columns = columns_of(first + task / parts);
            for (sums, partial) in sums.iter_mut().zip(partial) {
                let sums = sums[columns.clone()].iter_mut();
                sums.zip(partial).for_each(|(sum, part)| *sum += *part);
            }
        }
    }
}

struct Fold<'a, F, T, const K: usize> {
    term: &'a T,
    rows: Range<usize>,
    columns: Range<usize>,
    sums: &'a mut Sums<F, K>,
}

impl<F: Real, T: RowTerm<F, K>, const K: usize> Kernel for Fold<'_, F, T, K> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        *self.sums = [[F::ZERO; COLUMNS]; K];
        let mut start = self.rows.start;
        while start < self.rows.end {
            let end = self.rows.end.min(start + ROWS);
            let mut block = [[F::ZERO; COLUMNS]; K];
            for row in start..end {
                self.term.add(row, self.columns.clone(), &mut block);
            }
            for (k, block) in block.iter().enumerate() {
                each_with(&mut self.sums[k], block, |sum, part| sum + part);
            }
            start = end;
        }
    }
}

struct Plain<'a, F>(&'a [F], usize);

impl<F: Real> RowTerm<F, 1> for Plain<'_, F> {
    #[inline(always)]
    fn add(&self, row: usize, columns: Range<usize>, [sums]: &mut Sums<F, 1>) {
        let x = &self.0[row * self.1..][columns];
        each_with(sums, x, |sum, x| sum + x);
    }
}

/// The sums of the columns of `x`, whose rows are `width` long: the gradient of a bias. Added to `sums` if `accumulate`.
///
/// # Panics
/// If `sums` is not `width` long.
pub fn column_sums<F: Real>(x: &[F], width: usize, sums: &mut [F], accumulate: bool) {
    let rows = x.len().checked_div(width).unwrap_or(0);
    fold_rows(&Plain(x, width), rows, width, [sums], accumulate);
}

/// The sum of `term(x)` in double precision, over 16 lanes that are folded at the end.
struct LaneSum<'a, F, T>(&'a [F], T);

impl<F: Real, T: Fn(f64) -> f64> Kernel for LaneSum<'_, F, T> {
    type Output = f64;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> f64 {
        let Self(x, term) = self;
        let (body, tail) = x.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for x in body {
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum += term(x.f64());
            }
        }
        for (sum, x) in sums.iter_mut().zip(tail) {
            *sum += term(x.f64());
        }
        fold_lanes(sums)
    }
}

/// Lane i + lane i+8, then i + i+4, i + i+2, i + i+1.
#[inline(always)]
pub(super) fn fold_lanes<F: Real>(lanes: [F; LANES]) -> F {
    /// Halves of a fixed size are vectors.
    #[inline(always)]
    fn halved<F: Real, const HALF: usize>(lanes: &[F]) -> [F; HALF] {
        std::array::from_fn(|i| lanes[i] + lanes[i + HALF])
    }
    let [sum] = halved(&halved::<F, 2>(&halved::<F, 4>(&halved::<F, 8>(&lanes))));
    sum
}

/// The sum of all elements, in double precision.
pub fn sum<F: Real>(x: &[F]) -> f64 {
    sum_chunks(x.len(), CHUNK, |range| dispatch(LaneSum(&x[range], |x| x)))
}

/// The sum of the squares of all elements, in double precision.
pub fn sum_of_squares<F: Real>(x: &[F]) -> f64 {
    sum_chunks(x.len(), CHUNK, |range| {
        dispatch(LaneSum(&x[range], |x| x * x))
    })
}

/// Whether no element is infinite or NaN.
pub fn all_finite<F: Real>(x: &[F]) -> bool {
    // 0 * x is NaN for those, and no sum of zeros hides it.
    sum_chunks(x.len(), CHUNK, |range| {
        dispatch(LaneSum(&x[range], |x| x * 0.0))
    }) == 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::simd::{available, with_isa};
    use crate::parallel::{install, set_num_threads};

    fn wave(n: usize) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * 0.37).sin() * 3.0).collect()
    }

    #[test]
    fn column_sums_are_those_of_double_precision() {
        for (rows, width) in [
            (0, 3),
            (1, 1),
            (3, 5),
            (300, 17),
            (1000, 64),
            (50, 2000),
            (9, 65),
        ] {
            let x = wave(rows * width);
            let mut sums = vec![100.0; width];
            column_sums(&x, width, &mut sums, true);
            for (j, &got) in sums.iter().enumerate() {
                let exact: f64 = x.iter().skip(j).step_by(width).map(|&x| f64::from(x)).sum();
                let error = (f64::from(got) - 100.0 - exact).abs();
                assert!(error < 1e-4 + 3e-6 * rows as f64, "{rows} {width}");
            }
        }
    }

    #[test]
    fn overwriting_forgets_what_was_there() {
        let mut sums = [f64::NAN; 2];
        column_sums(&[1.0, 2.0, 3.0, 4.0], 2, &mut sums, false);
        assert_eq!(sums, [4.0, 6.0]);
    }

    #[test]
    fn bits_do_not_depend_on_threads_or_level() {
        let (rows, width) = (5000, 70);
        let x = wave(rows * width);
        let run = |threads| {
            let mut sums = vec![0.0; width];
            set_num_threads(Some(threads)).unwrap();
            let squares = install(|| {
                column_sums(&x, width, &mut sums, false);
                sum_of_squares(&x)
            });
            set_num_threads(None).unwrap();
            (sums, squares.to_bits())
        };
        let expected = run(1);
        for threads in [2, 3, 8] {
            assert_eq!(run(threads), expected);
        }
        for level in available() {
            assert_eq!(with_isa(level, || run(2)), expected, "{}", level.name());
        }
    }

    #[test]
    fn sums_over_slices_are_exact_in_double_precision() {
        let x: Vec<f32> = (1..=100_000).map(|i| i as f32).collect();
        assert_eq!(sum(&x), 5_000_050_000.0);
        assert_eq!(sum_of_squares(&[3.0_f32, 4.0]), 25.0);
        assert_eq!(sum::<f32>(&[]), 0.0);
    }

    #[test]
    fn one_broken_number_is_found() {
        let mut x = wave(40_000);
        assert!(all_finite(&x));
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for place in [0, 20_000, 39_999] {
                let kept = std::mem::replace(&mut x[place], bad);
                assert!(!all_finite(&x));
                x[place] = kept;
            }
        }
        assert!(all_finite::<f64>(&[]));
    }
}
