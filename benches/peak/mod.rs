//! What the machine can do, measured in the same run as what is compared with it.

use std::hint::black_box;
use std::time::Duration;

use lamina::kernels::simd::{Isa, Kernel, Simd, dispatch, isa};

/// CPU time of this thread: other jobs on the machine disturb it little.
pub fn thread_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a place for the answer; the clock exists on every POSIX system.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Chains of fused multiply-adds that stay in registers.
struct Chains(u32);

impl Kernel for Chains {
    type Output = f32;
    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> f32 {
        if S::ISA == Isa::Avx512 {
            chains::<S, 12>(s, self.0)
        } else {
            chains::<S, 6>(s, self.0)
        }
    }
}

#[inline(always)]
fn chains<S: Simd, const N: usize>(s: S, rounds: u32) -> f32 {
    let (a, b) = (s.splat(black_box(0.5)), s.splat(black_box(0.25)));
    let mut sums = [b; N];
    for _ in 0..rounds {
        for sum in &mut sums {
            *sum = s.fma(*sum, a, b);
        }
    }
    let mut total = s.zero();
    for sum in sums {
        total = s.add(total, sum);
    }
    s.sum(total)
}

/// `f32` GFLOP/s of one core on the level in use: the best of a hundred tries of a millisecond or less.
pub fn gflops() -> f64 {
    let level = isa();
    let rounds = if level == Isa::Scalar {
        1 << 12
    } else {
        1 << 17
    };
    let chains = if level == Isa::Avx512 { 12.0 } else { 6.0 };
    let best = (0..100)
        .map(|_| {
            let start = thread_time();
            black_box(dispatch(Chains(black_box(rounds))));
            thread_time() - start
        })
        .min()
        .unwrap_or_default();
    f64::from(rounds) * chains * 32.0 / best.as_secs_f64() / 1e9
}
