//! Counter-based random numbers: every number is a pure function of (seed, stream, step, element index).
//!
//! Philox4x32-10 of Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011. Numbers do not depend on
//! threads, chunks or the order of the calls, so a backward pass may draw numbers again instead of keeping them.
//!
//! Elements are laid out for vectors: of every 64, element `16 * word + lane` is that word of the block of that lane.

use crate::error::{Error, Result};
use crate::real::Real;

/// The elements whose numbers are made together.
pub const GROUP: usize = LANES * 4;

const LANES: usize = 16;
pub(crate) const ROUNDS: usize = 10;
pub(crate) const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// The golden ratio and the square root of 3 less 1, as fractions of `2^32`.
pub(crate) const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// The stream that permutations are drawn from; no layer has this number.
const PERMUTATIONS: u64 = u64::MAX;

/// One Philox4x32-10 block.
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..ROUNDS {
        if round > 0 {
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let product0 = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
        let product1 = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
        counter = [
            (product1 >> 32) as u32 ^ counter[1] ^ key[0],
            product1 as u32,
            (product0 >> 32) as u32 ^ counter[3] ^ key[1],
            product0 as u32,
        ];
    }
    counter
}

const fn halves(x: u64) -> [u32; 2] {
    [x as u32, (x >> 32) as u32]
}

/// An endless row of random numbers that can be read at any index.
///
/// ```
/// use lamina::rng::Stream;
/// let stream = Stream::new(0, 7, 100);
/// let mut row = [0f32; 10];
/// stream.fill_uniform(&mut row, 50);
/// assert_eq!(row[3], stream.uniform::<f32>(53));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    key: [u32; 2],
    high: [u32; 2],
}

impl Stream {
    /// The numbers of `stream` (a layer or node) at `step`, for `seed`. All bits of the three count: they are mixed
    /// by one block of their own into the key and the upper half of the counter.
    pub fn new(seed: u64, stream: u64, step: u64) -> Self {
        let ([s0, s1], [t0, t1]) = (halves(stream), halves(step));
        let [k0, k1, h0, h1] = philox([s0, s1, t0, t1], halves(seed));
        Self {
            key: [k0, k1],
            high: [h0, h1],
        }
    }

    /// The key, and the upper half of every counter: for kernels that make the numbers in registers.
    pub(crate) fn key_and_high(&self) -> ([u32; 2], [u32; 2]) {
        (self.key, self.high)
    }

    fn block(&self, index: u64) -> [u32; 4] {
        let [low, next] = halves(index);
        philox([low, next, self.high[0], self.high[1]], self.key)
    }

    /// The 32 random bits of each of the elements `64 * index ..`: element `16 * word + lane` is `[word][lane]`.
    ///
    /// The same numbers as [`Stream::bits`], in a form that compiles to vector instructions of the caller's level.
    #[inline(always)]
    pub fn group(&self, index: u64) -> [[u32; LANES]; 4] {
        let [low, next] = halves(index * LANES as u64);
        let mut c0: [u32; LANES] = std::array::from_fn(|lane| low | lane as u32);
        let (mut c1, mut c2, mut c3) =
            ([next; LANES], [self.high[0]; LANES], [self.high[1]; LANES]);
        let mut key = self.key;
        for _ in 0..ROUNDS {
            for lane in 0..LANES {
                let product0 = u64::from(MULTIPLIERS[0]) * u64::from(c0[lane]);
                let product1 = u64::from(MULTIPLIERS[1]) * u64::from(c2[lane]);
                c0[lane] = (product1 >> 32) as u32 ^ c1[lane] ^ key[0];
                c2[lane] = (product0 >> 32) as u32 ^ c3[lane] ^ key[1];
                c1[lane] = product1 as u32;
                c3[lane] = product0 as u32;
            }
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        [c0, c1, c2, c3]
    }

    /// The 32 random bits of element `index`.
    pub fn bits(&self, index: u64) -> u32 {
        let (block, word) = place::<4>(index);
        self.block(block)[word]
    }

    /// The 64 random bits of element `index`; not independent of [`Stream::bits`].
    pub fn long_bits(&self, index: u64) -> u64 {
        let (block, half) = place::<2>(index);
        let words = self.block(block);
        long(words[2 * half], words[2 * half + 1])
    }

    /// A number of `[0, 1)` for element `index`: a multiple of `2^-24` (f32) or `2^-53` (f64), all equally likely.
    pub fn uniform<F: Real>(&self, index: u64) -> F {
        if is_f32::<F>() {
            F::of(f64::from(unit32(self.bits(index))))
        } else {
            F::of(unit64(self.long_bits(index)))
        }
    }

    /// A standard normal number for element `index`, of the element's own block by the transform of Box and Muller,
    /// "A Note on the Generation of Random Normal Deviates", 1958.
    pub fn normal<F: Real>(&self, index: u64) -> F {
        if is_f32::<F>() {
            let (block, word) = place::<4>(index);
            let words = self.block(block);
            F::of(normal32(words[word & 2], words[word | 1], word & 1 == 1))
        } else {
            let (block, half) = place::<2>(index);
            F::of(normal64(self.block(block), half == 1))
        }
    }

    /// A standard normal number for element `index`, drawn again until it lies within two standard deviations, as the
    /// truncated initializers of Keras do. Each try has blocks of its own, far from those of other elements.
    pub fn truncated_normal<F: Real>(&self, index: u64) -> F {
        let mut attempt = 0;
        loop {
            let words = self.block(index | (1 + attempt) << 48);
            let drawn = normal64(words, false);
            if drawn.abs() <= 2.0 {
                return F::of(drawn);
            }
            attempt += 1;
        }
    }

    /// Fills `out` with the uniform numbers of the elements from `first` on.
    pub fn fill_uniform<F: Real>(&self, out: &mut [F], first: u64) {
        let per_group = if is_f32::<F>() { GROUP } else { GROUP / 2 };
        self.fill(out, first, per_group, |words, group| {
            if is_f32::<F>() {
                for (out, &bits) in group.iter_mut().zip(words.as_flattened()) {
                    *out = F::of(f64::from(unit32(bits)));
                }
            } else {
                for (half, out) in group.chunks_exact_mut(LANES).take(2).enumerate() {
                    for (lane, out) in out.iter_mut().enumerate() {
                        let bits = long(words[2 * half][lane], words[2 * half + 1][lane]);
                        *out = F::of(unit64(bits));
                    }
                }
            }
        });
    }

    /// Fills `out` with the standard normal numbers of the elements from `first` on.
    pub fn fill_normal<F: Real>(&self, out: &mut [F], first: u64) {
        let per_group = if is_f32::<F>() { GROUP } else { GROUP / 2 };
        self.fill(out, first, per_group, |words, group| {
            for (row, out) in group.chunks_exact_mut(LANES).enumerate() {
                for (lane, out) in out.iter_mut().enumerate() {
                    *out = if is_f32::<F>() {
                        let (radius, angle) = (words[row & 2][lane], words[row | 1][lane]);
                        F::of(normal32(radius, angle, row & 1 == 1))
                    } else if row < 2 {
                        let block = [
                            words[0][lane],
                            words[1][lane],
                            words[2][lane],
                            words[3][lane],
                        ];
                        F::of(normal64(block, row == 1))
                    } else {
                        break;
                    };
                }
            }
        });
    }

    /// Cuts `first..first + out.len()` at the borders of groups and fills each piece from its group.
    fn fill<F: Real>(
        &self,
        out: &mut [F],
        first: u64,
        per_group: usize,
        convert: impl Fn(&[[u32; LANES]; 4], &mut [F; GROUP]),
    ) {
        let mut numbers = [F::ZERO; GROUP];
        let mut group = first / per_group as u64;
        let mut start = (first % per_group as u64) as usize;
        let mut rest = out;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at_mut(rest.len().min(per_group - start));
            convert(&self.group(group), &mut numbers);
            piece.copy_from_slice(&numbers[start..start + piece.len()]);
            (rest, start) = (after, 0);
            group += 1;
        }
    }
}

/// The block of element `index`, and which of the `WORDS` numbers of that block it is.
fn place<const WORDS: u64>(index: u64) -> (u64, usize) {
    let lanes = LANES as u64;
    let (group, within) = (index / (lanes * WORDS), index % (lanes * WORDS));
    (group * lanes + within % lanes, (within / lanes) as usize)
}

fn is_f32<F: Real>() -> bool {
    size_of::<F>() == size_of::<f32>()
}

fn long(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn unit32(bits: u32) -> f32 {
    (bits >> 8) as f32 * (1.0 / (1 << 24) as f32)
}

fn unit64(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

/// `sqrt(-2 ln u) cos(2 pi v)`, or the sine, with u of (0, 1] so that the logarithm is finite.
fn box_muller(u: f64, v: f64, sine: bool) -> f64 {
    let angle = std::f64::consts::TAU * v;
    (-2.0 * u.ln()).sqrt() * if sine { angle.sin() } else { angle.cos() }
}

fn normal32(radius: u32, angle: u32, sine: bool) -> f64 {
    const STEP: f64 = 1.0 / (1u64 << 32) as f64;
    let (u, v) = (f64::from(radius) + 1.0, f64::from(angle));
    box_muller(u * STEP, v * STEP, sine)
}

fn normal64(words: [u32; 4], sine: bool) -> f64 {
    const STEP: f64 = 1.0 / (1u64 << 53) as f64;
    let (radius, angle) = (long(words[0], words[1]), long(words[2], words[3]));
    box_muller(((radius >> 11) + 1) as f64 * STEP, unit64(angle), sine)
}

/// `0..n` in a random order that depends on `seed` and `epoch` alone.
///
/// Fisher-Yates from the end, with the unbiased bounded draws of Lemire, "Fast Random Integer Generation in an
/// Interval", 2019.
///
/// # Errors
/// [`Error::Config`] if there is no memory for `n` numbers.
pub fn permutation(n: usize, seed: u64, epoch: u64) -> Result<Vec<usize>> {
    let mut order = Vec::new();
    order.try_reserve_exact(n).map_err(|_| {
        Error::config("a number of rows that fits into memory", n.to_string()).at("permutation")
    })?;
    order.extend(0..n);
    let stream = Stream::new(seed, PERMUTATIONS, epoch);
    let mut next = 0;
    for last in (1..n).rev() {
        order.swap(last, below(last as u64 + 1, &stream, &mut next) as usize);
    }
    Ok(order)
}

/// A number of `0..bound`, all equally likely, from the elements `next..` of `stream`.
fn below(bound: u64, stream: &Stream, next: &mut u64) -> u64 {
    let mut draw = || {
        let product = u128::from(stream.long_bits(*next)) * u128::from(bound);
        *next += 1;
        ((product >> 64) as u64, product as u64)
    };
    let (mut number, mut low) = draw();
    if low < bound {
        let surplus = bound.wrapping_neg() % bound;
        while low < surplus {
            (number, low) = draw();
        }
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_vectors() {
        // kat_vectors of Random123 1.14, "philox4x32 10".
        let cases = [
            (
                [0; 4],
                [0; 2],
                [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8],
            ),
            (
                [u32::MAX; 4],
                [u32::MAX; 2],
                [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
            ),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(philox(counter, key), expected);
        }
    }

    #[test]
    fn groups_hold_the_bits_of_their_elements() {
        let stream = Stream::new(1, 2, 3);
        for index in [0, 1, 0x0fff_ffff, 0x1000_0000, 1 << 40] {
            let group = stream.group(index);
            for (i, &bits) in group.as_flattened().iter().enumerate() {
                assert_eq!(bits, stream.bits(index * GROUP as u64 + i as u64));
            }
        }
    }

    fn assert_fills_are_pointwise<F: Real>() {
        let stream = Stream::new(u64::MAX, 5, 9);
        for (first, n) in [(0, 0), (0, 200), (7, 1), (31, 65), (63, 130), (1 << 35, 64)] {
            let (mut uniform, mut normal) = (vec![F::ZERO; n], vec![F::ZERO; n]);
            stream.fill_uniform(&mut uniform, first);
            stream.fill_normal(&mut normal, first);
            for i in 0..n {
                assert_eq!(uniform[i], stream.uniform(first + i as u64));
                assert_eq!(normal[i], stream.normal(first + i as u64));
            }
        }
    }

    #[test]
    fn filling_a_slice_gives_the_numbers_of_its_elements() {
        assert_fills_are_pointwise::<f32>();
        assert_fills_are_pointwise::<f64>();
    }

    /// Mean, variance, skewness and kurtosis.
    fn moments<F: Real>(x: &[F]) -> [f64; 4] {
        let n = x.len() as f64;
        let mean = x.iter().map(|v| v.f64()).sum::<f64>() / n;
        let central = |p| x.iter().map(|v| (v.f64() - mean).powi(p)).sum::<f64>() / n;
        let variance = central(2);
        [
            mean,
            variance,
            central(3) / variance.powf(1.5),
            central(4) / variance.powi(2),
        ]
    }

    fn assert_moments<F: Real>() {
        let stream = Stream::new(42, 0, 0);
        let mut x = vec![F::ZERO; 1 << 18];
        stream.fill_uniform(&mut x, 0);
        assert!(x.iter().all(|&v| v >= F::ZERO && v < F::ONE));
        for (got, expected) in moments(&x).into_iter().zip([0.5, 1.0 / 12.0, 0.0, 1.8]) {
            assert!((got - expected).abs() < 0.02, "uniform: {got} {expected}");
        }
        stream.fill_normal(&mut x, 0);
        for (got, expected) in moments(&x).into_iter().zip([0.0, 1.0, 0.0, 3.0]) {
            assert!((got - expected).abs() < 0.05, "normal: {got} {expected}");
        }
        for (i, v) in x.iter_mut().enumerate() {
            *v = stream.truncated_normal(i as u64);
        }
        // The standard deviation of a normal cut at 2 is 0.87962566, as in Keras's VarianceScaling.
        let [mean, variance, ..] = moments(&x);
        assert!(mean.abs() < 0.01 && (variance.sqrt() - 0.879_625_66).abs() < 0.01);
        assert!(x.iter().all(|v| v.abs().f64() <= 2.0));
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        assert_moments::<f32>();
        assert_moments::<f64>();
    }

    #[test]
    fn neighbouring_streams_are_uncorrelated() {
        let n = 1 << 16;
        let normal = |stream: Stream| {
            let mut x = vec![0f64; n];
            stream.fill_normal(&mut x, 0);
            x
        };
        let base = normal(Stream::new(0, 0, 0));
        for other in [
            Stream::new(1, 0, 0),
            Stream::new(0, 1, 0),
            Stream::new(0, 0, 1),
        ] {
            let dot: f64 = base.iter().zip(normal(other)).map(|(a, b)| a * b).sum();
            assert!((dot / n as f64).abs() < 0.02);
        }
        let shifted: f64 = base.windows(2).map(|w| w[0] * w[1]).sum();
        assert!((shifted / n as f64).abs() < 0.02);
    }

    #[test]
    fn permutation_holds_every_index_once_and_changes_with_the_epoch() {
        for n in [0, 1, 2, 1000] {
            let mut order = permutation(n, 3, 4).unwrap();
            order.sort_unstable();
            assert!(order.into_iter().eq(0..n));
        }
        assert_eq!(
            permutation(100, 3, 4).unwrap(),
            permutation(100, 3, 4).unwrap()
        );
        assert_ne!(
            permutation(100, 3, 4).unwrap(),
            permutation(100, 3, 5).unwrap()
        );
        assert_ne!(
            permutation(100, 3, 4).unwrap(),
            permutation(100, 4, 4).unwrap()
        );
    }

    #[test]
    fn the_six_orders_of_three_are_equally_likely() {
        let mut count = [0; 27];
        for epoch in 0..6000 {
            let order = permutation(3, 0, epoch).unwrap();
            count[order[0] * 9 + order[1] * 3 + order[2]] += 1;
        }
        let seen: Vec<_> = count.into_iter().filter(|&c| c > 0).collect();
        assert_eq!(seen.len(), 6);
        assert!(seen.into_iter().all(|c| (880..1120).contains(&c)));
    }

    #[test]
    fn bounded_draws_are_below_the_bound() {
        let stream = Stream::new(0, 0, 0);
        let mut next = 0;
        for bound in [1, 2, 3, 1 << 40, (1 << 63) + 1, u64::MAX] {
            for _ in 0..100 {
                assert!(below(bound, &stream, &mut next) < bound);
            }
        }
    }

    #[test]
    fn a_permutation_beyond_memory_is_an_error() {
        assert_eq!(
            permutation(usize::MAX / 8, 0, 0).unwrap_err().to_string(),
            format!(
                "permutation: expected a number of rows that fits into memory, got {}",
                usize::MAX / 8
            )
        );
    }
}
