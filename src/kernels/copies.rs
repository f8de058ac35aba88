//! Copies of many numbers, which all threads make: one alone does not use all of the memory's speed.

use crate::parallel::{for_each_chunk_mut, install};

/// Numbers from which on all threads copy.
pub const SHARED: usize = 1 << 15;
/// Numbers that a thread copies at a time.
pub const PIECE: usize = 1 << 13;

/// Makes `place` a copy of `values`.
///
/// # Panics
/// If the lengths differ.
pub fn copy<T: Copy + Send + Sync>(values: &[T], place: &mut [T]) {
    assert_eq!(place.len(), values.len(), "the length of a copy");
    if place.len() < SHARED {
        return place.copy_from_slice(values);
    }
    install(|| {
        for_each_chunk_mut(place, PIECE, |i, place| {
            place.copy_from_slice(&values[i * PIECE..][..place.len()]);
        });
    });
}

/// Adds a copy of `values` to the end of `vec`.
pub fn extend<T: Copy + Send + Sync>(vec: &mut Vec<T>, values: &[T]) {
    if values.len() < SHARED {
        return vec.extend_from_slice(values);
    }
    vec.reserve(values.len());
    let before = vec.len();
    let place = &mut vec.spare_capacity_mut()[..values.len()];
    install(|| {
        for_each_chunk_mut(place, PIECE, |i, place| {
            for (place, &value) in place.iter_mut().zip(&values[i * PIECE..]) {
                place.write(value);
            }
        });
    });
    debug_assert!(vec.capacity() >= before + values.len());
    // SAFETY: the pieces cover the place, so all numbers up to the new length are written.
    unsafe { vec.set_len(before + values.len()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_hold_what_was_given_whether_one_thread_makes_them_or_all() {
        for len in [0, 1, PIECE, SHARED - 1, SHARED, SHARED + PIECE + 3] {
            let values: Vec<f32> = (0..len).map(|i| i as f32).collect();
            let mut place = vec![-1.0; len];
            copy(&values, &mut place);
            assert_eq!(place, values);
            let mut vec = vec![7.0, 8.0];
            extend(&mut vec, &values);
            assert_eq!(vec[..2], [7.0, 8.0]);
            assert_eq!(vec[2..], values);
        }
    }

    #[test]
    #[should_panic(expected = "the length of a copy")]
    fn a_place_of_another_length_is_a_mistake() {
        copy(&[1.0], &mut [0.0; 2]);
    }
}
