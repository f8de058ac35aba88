//! Denormal numbers as zero while the engine computes: they slow x86 arithmetic down up to a hundredfold and carry
//! nothing a network needs. The mode belongs to a thread, so it is set in ours and restored in the caller's.

use std::marker::PhantomData;

/// Flushes denormal inputs and results to zero on this thread until it is dropped.
///
/// ```
/// use lamina::kernels::denormals::FlushDenormals;
/// let small = std::hint::black_box(f32::MIN_POSITIVE);
/// {
///     let _guard = FlushDenormals::enter();
///     // Here `small / 2.0` is 0 on x86-64 and AArch64.
/// }
/// assert!(std::hint::black_box(small / 2.0) > 0.0);
/// ```
#[must_use = "denormals are flushed only while the guard lives"]
#[derive(Debug)]
pub struct FlushDenormals {
    before: Control,
    /// The mode is the thread's own, so the guard must not move to another one.
    thread_bound: PhantomData<*const ()>,
}

impl FlushDenormals {
    /// Sets the mode of this thread.
    pub fn enter() -> Self {
        let before = read();
        if before & FLUSH != FLUSH {
            write(before | FLUSH);
        }
        Self {
            before,
            thread_bound: PhantomData,
        }
    }
}

impl Drop for FlushDenormals {
    fn drop(&mut self) {
        if self.before & FLUSH != FLUSH {
            write((read() & !FLUSH) | (self.before & FLUSH));
        }
    }
}

#[cfg(target_arch = "x86_64")]
type Control = u32;
/// MXCSR bit 15 (flush to zero) and bit 6 (denormals are zeros): Intel SDM volume 1, 10.2.3.
#[cfg(target_arch = "x86_64")]
const FLUSH: Control = 1 << 15 | 1 << 6;

#[cfg(target_arch = "x86_64")]
fn read() -> Control {
    let mut value: Control = 0;
    // SAFETY: stmxcsr stores 4 bytes to the address of a live u32; SSE is part of x86-64.
    unsafe {
        std::arch::asm!("stmxcsr [{}]", in(reg) &raw mut value, options(nostack, preserves_flags));
    }
    value
}

#[cfg(target_arch = "x86_64")]
fn write(value: Control) {
    debug_assert_eq!(value >> 16, 0, "reserved bits of MXCSR must stay 0");
    // SAFETY: ldmxcsr loads 4 bytes from a live u32 whose reserved bits are 0, as they came from stmxcsr. Only the two
    // denormal bits change, which no compiled code relies on for memory safety.
    unsafe {
        std::arch::asm!("ldmxcsr [{}]", in(reg) &raw const value, options(nostack, preserves_flags));
    }
}

#[cfg(target_arch = "aarch64")]
type Control = u64;
/// FPCR bit 24 (FZ): Arm ARM, C5.2.8.
#[cfg(target_arch = "aarch64")]
const FLUSH: Control = 1 << 24;

#[cfg(target_arch = "aarch64")]
fn read() -> Control {
    let value: Control;
    // SAFETY: reading FPCR has no effect on memory and is allowed at every exception level.
    unsafe {
        std::arch::asm!("mrs {}, fpcr", out(reg) value, options(nomem, nostack, preserves_flags));
    }
    value
}

#[cfg(target_arch = "aarch64")]
fn write(value: Control) {
    debug_assert_eq!(value >> 32, 0, "reserved bits of FPCR must stay 0");
    // SAFETY: the value came from FPCR and differs in the flush bit alone.
    unsafe {
        std::arch::asm!("msr fpcr, {}", in(reg) value, options(nomem, nostack, preserves_flags));
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type Control = u32;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const FLUSH: Control = 0;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn read() -> Control {
    0
}
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn write(_: Control) {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    fn half_of_the_smallest_normal() -> f32 {
        black_box(black_box(f32::MIN_POSITIVE) * black_box(0.5))
    }

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    fn guard_flushes_and_restores_even_when_nested() {
        assert!(half_of_the_smallest_normal() > 0.0);
        {
            let _outer = FlushDenormals::enter();
            assert_eq!(half_of_the_smallest_normal(), 0.0);
            {
                let _inner = FlushDenormals::enter();
                assert_eq!(half_of_the_smallest_normal(), 0.0);
            }
            assert_eq!(half_of_the_smallest_normal(), 0.0);
        }
        assert!(half_of_the_smallest_normal() > 0.0);
    }
}
