//! Which instruction set is in use.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};

/// A level of vector instructions, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Isa {
    /// What every CPU of the architecture has.
    Scalar = 1,
    /// AVX2 and FMA: x86 of 2013 (Haswell) and later.
    Avx2 = 2,
    /// AVX-512 F, VL, DQ and BW.
    Avx512 = 3,
    /// What every AArch64 CPU has beside its plain registers.
    Neon = 4,
}

impl Isa {
    const ALL: [Self; 4] = [Self::Scalar, Self::Avx2, Self::Avx512, Self::Neon];

    /// The name that `LAMINA_ISA` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
        }
    }

    fn detected(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.detected()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
            Self::Neon => cfg!(target_arch = "aarch64"),
        }
    }
}

/// The levels this CPU has, the least first.
pub fn available() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.detected())
}

fn best() -> Isa {
    available().last().unwrap_or(Isa::Scalar)
}

/// The level `LAMINA_ISA` asks for, or the best one; an error if it asks for one that is unknown or not there.
pub fn isa_from_env() -> Result<Isa> {
    match std::env::var("LAMINA_ISA") {
        Ok(name) if !name.is_empty() => parse(&name),
        _ => Ok(best()),
    }
}

fn parse(name: &str) -> Result<Isa> {
    available().find(|isa| isa.name() == name).ok_or_else(|| {
        let names: Vec<_> = available().map(Isa::name).collect();
        Error::config(
            format!("LAMINA_ISA to be one of {} on this CPU", names.join(", ")),
            format!("\"{name}\""),
        )
        .remedy("Unset it to take the best one.")
    })
}

/// The level in use, 0 until it is known.
static CURRENT: AtomicU8 = AtomicU8::new(0);

/// The level in use: that of [`isa_from_env`], or the best one if that is an error (which the Python package raises
/// at import), found at the first call.
#[inline]
pub fn isa() -> Isa {
    match CURRENT.load(Ordering::Relaxed) {
        1 => Isa::Scalar,
        2 => Isa::Avx2,
        3 => Isa::Avx512,
        4 => Isa::Neon,
        _ => detect(),
    }
}

#[cold]
fn detect() -> Isa {
    let isa = isa_from_env().unwrap_or_else(|_| best());
    CURRENT.store(isa as u8, Ordering::Relaxed);
    isa
}

/// Runs `f` with another level, for tests and benches. The level changes in the whole process, so that pool threads
/// follow; calls wait for each other, and what else runs meanwhile gets the same bits on any level.
///
/// # Panics
/// If this CPU does not have the level.
#[doc(hidden)]
pub fn with_isa<R>(isa: Isa, f: impl FnOnce() -> R) -> R {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    struct Restore(u8);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.store(self.0, Ordering::Relaxed);
        }
    }

    assert!(isa.detected(), "this CPU has no {}", isa.name());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let _restore = Restore(self::isa() as u8);
    CURRENT.store(isa as u8, Ordering::Relaxed);
    f()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_level_is_an_error_that_names_the_known_ones() {
        let text = parse("avx1024").unwrap_err().to_string();
        assert!(text.starts_with("expected LAMINA_ISA to be one of scalar"));
        assert!(text.ends_with("got \"avx1024\". Unset it to take the best one."));
        assert_eq!(parse("scalar").unwrap(), Isa::Scalar);
    }

    #[test]
    fn a_forced_level_holds_for_the_call_only() {
        for level in available() {
            assert_eq!(with_isa(level, isa), level);
        }
        let broken = std::panic::catch_unwind(|| with_isa(Isa::Scalar, || panic!("on purpose")));
        assert!(broken.is_err());
        assert_eq!(with_isa(best(), isa), best());
    }
}
