//! One block of memory for a whole training step, planned before and handed out in disjoint pieces.
//!
//! A [`Layout`] is checked once, when the plan is made: pieces that are written overlap no other piece of the same
//! operation. [`Views`] then hand the pieces out as slices, each writable piece at most once.

use std::alloc::{Layout as Allocation, alloc, dealloc};
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::error::{Error, Result};
use crate::real::Real;

/// Bytes every piece is aligned to: one cache line, one 512-bit register.
pub const ALIGNMENT: usize = 64;

/// From this size on the kernel is asked for huge pages; it gives none unasked on most distributions.
#[cfg(target_os = "linux")]
const HUGE_PAGE: usize = 2 << 20;

/// Contiguous, zeroed, cache-line aligned memory.
#[derive(Debug)]
pub struct Arena<F> {
    base: NonNull<F>,
    len: usize,
}

// SAFETY: an arena owns its memory alone, like a `Box<[F]>`, and `F` is plain data.
unsafe impl<F: Real> Send for Arena<F> {}
// SAFETY: through a shared reference an arena can only be read (`values`).
unsafe impl<F: Real> Sync for Arena<F> {}

impl<F: Real> Arena<F> {
    /// `len` zeros, or an error if the memory cannot be had.
    pub fn new(len: usize) -> Result<Self> {
        if len == 0 {
            return Ok(Self {
                base: NonNull::dangling(),
                len,
            });
        }
        let refuse = || {
            Error::shape(
                "memory for the plan",
                format!("a request for {len} {} values", F::DTYPE),
            )
            .remedy("Take a smaller batch or model.")
        };
        let allocation = Self::allocation(len).ok_or_else(refuse)?;
        debug_assert!(allocation.size() > 0);
        // SAFETY: the size is not zero (`len > 0` and `F` is not zero-sized).
        let base = unsafe { alloc(allocation) };
        let base = NonNull::new(base.cast::<F>()).ok_or_else(refuse)?;
        #[cfg(target_os = "linux")]
        if allocation.size() >= HUGE_PAGE {
            debug_assert_eq!(base.as_ptr() as usize % ALIGNMENT, 0);
            let start = (base.as_ptr() as usize).next_multiple_of(HUGE_PAGE);
            let end = (base.as_ptr() as usize + allocation.size()) / HUGE_PAGE * HUGE_PAGE;
            if end > start {
                // SAFETY: start..end lies within the allocation; the advice changes no content. A refusal is harmless.
                unsafe {
                    libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE)
                };
            }
        }
        // Only after the advice: the first write to a page decides what it is.
        // SAFETY: the allocation has room for `len` numbers, whose zero is all zeros.
        unsafe { base.as_ptr().write_bytes(0, len) };
        Ok(Self { base, len })
    }

    fn allocation(len: usize) -> Option<Allocation> {
        Allocation::from_size_align(len.checked_mul(size_of::<F>())?, ALIGNMENT).ok()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All elements.
    pub fn values(&self) -> &[F] {
        debug_assert!(self.base.is_aligned());
        // SAFETY: `base` points to `len` initialised elements (zeroed at allocation) that live as long as `self`.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.len) }
    }

    /// All elements, to change.
    pub fn values_mut(&mut self) -> &mut [F] {
        debug_assert!(self.base.is_aligned());
        // SAFETY: as in `values`; `&mut self` makes this the only reference.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.len) }
    }

    /// The pieces of `layout` as slices, for one operation.
    ///
    /// # Panics
    /// If the layout was made for a larger arena: a mistake of the plan.
    pub fn views<'a>(&'a mut self, layout: &'a Layout) -> Views<'a, F> {
        assert!(
            layout.end <= self.len,
            "layout of {} elements in an arena of {}",
            layout.end,
            self.len
        );
        for taken in &layout.taken {
            taken.set(false);
        }
        Views {
            base: self.base,
            layout,
            life: PhantomData,
        }
    }
}

impl<F> Drop for Arena<F> {
    fn drop(&mut self) {
        if self.len > 0 {
            let size = self.len * size_of::<F>();
            debug_assert!(Allocation::from_size_align(size, ALIGNMENT).is_ok());
            // SAFETY: allocated in `new` with this very size and alignment, which were valid there.
            unsafe {
                dealloc(
                    self.base.as_ptr().cast(),
                    Allocation::from_size_align_unchecked(size, ALIGNMENT),
                )
            };
        }
    }
}

/// A piece of an arena: `len` elements from `offset` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Block {
    /// The first element.
    pub offset: usize,
    /// The number of elements.
    pub len: usize,
}

impl Block {
    fn end(self) -> usize {
        self.offset + self.len
    }

    fn overlaps(self, other: Self) -> bool {
        self.len > 0 && other.len > 0 && self.offset < other.end() && other.offset < self.end()
    }
}

/// The pieces one operation reads and writes, checked once to be disjoint where it matters.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    blocks: Vec<(Block, bool)>,
    taken: Vec<Cell<bool>>,
    end: usize,
}

impl Layout {
    /// A layout of pieces that are read (`false`) or written (`true`).
    ///
    /// # Panics
    /// If a written piece overlaps another one: a mistake of the plan, never of a user.
    pub fn new(blocks: Vec<(Block, bool)>) -> Self {
        for (i, &(a, written)) in blocks.iter().enumerate() {
            for &(b, also_written) in &blocks[..i] {
                assert!(
                    !((written || also_written) && a.overlaps(b)),
                    "a written piece overlaps another: {a:?}, {b:?}"
                );
            }
        }
        let end = blocks
            .iter()
            .map(|(block, _)| block.end())
            .max()
            .unwrap_or(0);
        Self {
            taken: vec![Cell::new(false); blocks.len()],
            blocks,
            end,
        }
    }

    /// Whether `block` is one of the pieces.
    pub fn contains(&self, block: &Block) -> bool {
        self.blocks.iter().any(|(other, _)| other == block)
    }
}

/// Slices of an arena for one operation.
#[derive(Debug)]
pub struct Views<'a, F> {
    base: NonNull<F>,
    layout: &'a Layout,
    life: PhantomData<&'a mut [F]>,
}

impl<'a, F: Real> Views<'a, F> {
    /// Piece `index`, which the layout says is read.
    ///
    /// # Panics
    /// If the layout says it is written.
    pub fn read(&self, index: usize) -> &'a [F] {
        let (block, written) = self.layout.blocks[index];
        assert!(!written, "piece {index} is written");
        debug_assert!(block.end() <= self.layout.end);
        // SAFETY: `Arena::views` checked that the layout lies in the arena, whose memory is initialised and borrowed
        // for 'a; `Layout::new` checked that no written piece overlaps this one, so only shared references exist.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().add(block.offset), block.len) }
    }

    /// Piece `index`, which the layout says is written.
    ///
    /// # Panics
    /// If it was handed out before, or if the layout says it is read: mistakes of a layer, found by its first test.
    pub fn write(&self, index: usize) -> &'a mut [F] {
        let (block, written) = self.layout.blocks[index];
        assert!(written, "piece {index} is read only");
        assert!(
            !self.layout.taken[index].replace(true),
            "piece {index} was taken before"
        );
        debug_assert!(block.end() <= self.layout.end);
        // SAFETY: inside the arena as in `read`; written pieces overlap nothing (`Layout::new`), and the flag above
        // gives each out once per `Views`, of which there is one at a time (`Arena::views` borrows mutably).
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr().add(block.offset), block.len) }
    }

    /// Lends the pieces to `work`, after which piece `again` may be had once more: a layer around another one works on
    /// what that has written.
    ///
    /// # Panics
    /// If the piece was handed out before.
    pub fn lend<R>(&mut self, again: usize, work: impl FnOnce(Views<'_, F>) -> R) -> R {
        let taken = &self.layout.taken[again];
        assert!(!taken.get(), "piece {again} was taken before");
        // What `work` takes lives no longer than these views, so nothing of it is left when the piece is free again.
        let result = work(Views {
            base: self.base,
            layout: self.layout,
            life: PhantomData,
        });
        taken.set(false);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(offset: usize, len: usize) -> Block {
        Block { offset, len }
    }

    #[test]
    fn views_give_disjoint_aligned_pieces() {
        let mut arena = Arena::<f32>::new(48).unwrap();
        let layout = Layout::new(vec![
            (block(0, 3), false),
            (block(16, 4), true),
            (block(32, 2), true),
        ]);
        let views = arena.views(&layout);
        let (a, b, c) = (views.read(0), views.write(1), views.write(2));
        b.fill(a[0] + 1.0);
        c.fill(2.0);
        assert_eq!(
            &arena.values()[14..22],
            &[0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]
        );
        assert_eq!(arena.values().as_ptr() as usize % ALIGNMENT, 0);
    }

    #[test]
    #[should_panic(expected = "taken before")]
    fn a_written_piece_is_handed_out_once() {
        let mut arena = Arena::<f32>::new(16).unwrap();
        let layout = Layout::new(vec![(block(0, 3), true)]);
        let views = arena.views(&layout);
        let _first = views.write(0);
        let _second = views.write(0);
    }

    #[test]
    fn a_lent_piece_comes_back() {
        let mut arena = Arena::<f32>::new(16).unwrap();
        let layout = Layout::new(vec![(block(0, 3), true)]);
        let mut views = arena.views(&layout);
        views.lend(0, |views| views.write(0).fill(2.0));
        assert_eq!(views.write(0), [2.0; 3]);
    }

    #[test]
    #[should_panic(expected = "overlaps")]
    fn a_written_piece_that_overlaps_is_refused() {
        Layout::new(vec![(block(0, 8), false), (block(7, 4), true)]);
    }

    #[test]
    fn impossible_memory_is_an_error() {
        let error = Arena::<f64>::new(1 << 60).unwrap_err().to_string();
        assert!(error.contains("memory for the plan"), "{error}");
    }
}
