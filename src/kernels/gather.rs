//! Rows of a table by number, and gradients back to the rows they came from.
//!
//! Numbers of rows are floats here as everywhere in the engine; a fraction is cut off, as in a cast to an integer.

use crate::parallel::for_each_chunk_mut;
use crate::real::Real;

/// Elements one chunk of copied rows holds at least.
const CHUNK: usize = 1 << 14;

/// Parts of a table that collect gradients side by side. Each walks over all ids, so more would not be faster.
const TABLE_PARTS: usize = 8;

/// The first id that is the number of none of `rows` rows, and where it stands.
pub fn first_bad_id<F: Real>(ids: &[F], rows: usize) -> Option<(usize, F)> {
    let end = F::of_usize(rows);
    let good = |id: F| id > -F::ONE && id < end; // false for NaN
    ids.iter().copied().enumerate().find(|&(_, id)| !good(id))
}

/// `output[i] = table[ids[i]]`, rows of `width` elements.
///
/// # Panics
/// If an id is not the number of a row ([`first_bad_id`] tells) or a size does not fit.
pub fn gather<F: Real>(table: &[F], width: usize, ids: &[F], output: &mut [F]) {
    assert_eq!(output.len(), ids.len() * width, "a row for each id");
    let rows = CHUNK.div_ceil(width.max(1));
    for_each_chunk_mut(output, (rows * width).max(1), |chunk, part| {
        for (row, &id) in part.chunks_exact_mut(width).zip(&ids[chunk * rows..]) {
            let start = row_of(id) * width;
            row.copy_from_slice(&table[start..start + width]);
        }
    });
}

/// `table[ids[i]] += rows[i]` for each `i`: the gradient of [`gather`].
///
/// Each part of the table is one thread's own and meets the ids in their order, so the sums do not depend on the
/// number of threads.
///
/// # Panics
/// As [`gather`].
pub fn scatter_add<F: Real>(ids: &[F], rows: &[F], width: usize, table: &mut [F]) {
    assert_eq!(rows.len(), ids.len() * width, "a row for each id");
    if width == 0 {
        return;
    }
    let parts = if rows.len() < CHUNK { 1 } else { TABLE_PARTS };
    let rows_per_part = (table.len() / width).div_ceil(parts).max(1);
    for_each_chunk_mut(table, rows_per_part * width, |part, sums| {
        let first = part * rows_per_part;
        let end = first + sums.len() / width;
        for (&id, row) in ids.iter().zip(rows.chunks_exact(width)) {
            let id = row_of(id);
            if (first..end).contains(&id) {
                let start = (id - first) * width;
                let sum = &mut sums[start..start + width];
                sum.iter_mut().zip(row).for_each(|(s, &x)| *s += x);
            }
        }
    });
}

fn row_of<F: Real>(id: F) -> usize {
    id.f64() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parallel::{install, set_num_threads};

    #[test]
    fn rows_are_found_by_number() {
        let table = [0.0, 1.0, 10.0, 11.0, 20.0, 21.0];
        let mut output = [9.0_f32; 6];
        gather(&table, 2, &[2.0, 0.0, 1.9], &mut output);
        assert_eq!(output, [20.0, 21.0, 0.0, 1.0, 10.0, 11.0]);
    }

    #[test]
    fn ids_outside_of_the_table_are_found() {
        assert_eq!(first_bad_id(&[0.0_f32, 2.0, -0.5], 3), None);
        assert_eq!(first_bad_id(&[0.0_f32, 3.0], 3), Some((1, 3.0)));
        assert_eq!(first_bad_id(&[-1.0_f64], 3), Some((0, -1.0)));
        assert!(first_bad_id(&[0.0, f32::NAN], 3).is_some_and(|(place, _)| place == 1));
        assert_eq!(first_bad_id(&[0.0_f32], 0), Some((0, 0.0)));
    }

    #[test]
    fn gradients_of_one_row_are_added_up() {
        let mut table = [1.0_f32; 6];
        let rows = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        scatter_add(&[1.0, 2.0, 1.0], &rows, 2, &mut table);
        assert_eq!(table, [1.0, 1.0, 7.0, 9.0, 4.0, 5.0]);
    }

    #[test]
    fn sums_do_not_depend_on_the_number_of_threads() {
        let (count, width, size) = (3000, 7, 50);
        let ids: Vec<f32> = (0..count).map(|i| (i * 37 % size) as f32).collect();
        let rows: Vec<f32> = (0..count * width)
            .map(|i| (i as f32 * 0.37).sin())
            .collect();
        let run = |threads| {
            let mut table = vec![0.0_f32; size * width];
            set_num_threads(Some(threads)).unwrap();
            install(|| scatter_add(&ids, &rows, width, &mut table));
            set_num_threads(None).unwrap();
            table
        };
        let mut slow = vec![0.0_f32; size * width];
        for (i, &id) in ids.iter().enumerate() {
            for k in 0..width {
                slow[id as usize * width + k] += rows[i * width + k];
            }
        }
        assert_eq!(run(1), slow);
        assert_eq!(run(3), slow);
    }
}
