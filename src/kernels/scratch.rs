//! Memory that kernels need for the length of a call: packed operands, padded images, partial sums.
//!
//! Each thread keeps a stack of buffers that only grow, so once every size has been seen nothing is allocated. A stack
//! and not one buffer, because a thread that waits for others inside a kernel may be handed a piece of another kernel.

use std::cell::RefCell;

use bytemuck::{Pod, Zeroable};

/// A cache line, so that buffers are aligned for the widest vectors.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u64; 8]);

// SAFETY: eight integers without padding; all zeros are eight zeros.
unsafe impl Zeroable for Line {}
// SAFETY: as above, and any bits are a value.
unsafe impl Pod for Line {}

thread_local! {
    static FREE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `work` with `len` numbers that hold garbage, aligned to 64 bytes.
pub(crate) fn with_scratch<T: Pod, R>(len: usize, work: impl FnOnce(&mut [T]) -> R) -> R {
    if len == 0 {
        return work(&mut []);
    }
    let size = len * size_of::<T>();
    let lines = size.div_ceil(size_of::<Line>());
    let mut buffer = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    if buffer.len() < lines {
        buffer.resize(lines, Line::zeroed());
    }
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut buffer[..lines]);
    let result = work(bytemuck::cast_slice_mut(&mut bytes[..size]));
    FREE.with_borrow_mut(|free| free.push(buffer));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_calls_get_different_aligned_buffers_that_are_used_again() {
        let mut places = [0usize; 2];
        for _ in 0..2 {
            let seen = with_scratch(100, |outer: &mut [f32]| {
                with_scratch(7, |inner: &mut [f64]| {
                    outer.fill(1.0);
                    inner.fill(2.0);
                    assert!(outer.iter().all(|&x| x == 1.0) && inner.len() == 7);
                    [outer.as_ptr() as usize, inner.as_ptr() as usize]
                })
            });
            assert!(seen.iter().all(|place| place % 64 == 0));
            places = seen;
        }
        let again = with_scratch(50, |outer: &mut [f32]| outer.as_ptr() as usize);
        assert!(places.contains(&again));
    }
}
