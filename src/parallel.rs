//! The one room that knows rayon: our own pool, loops over fixed chunks and reductions in index order.
//!
//! Chunks depend on sizes alone and partial results are combined in index order, so the bits of a result do not depend
//! on the number of threads. A whole training step runs inside [`install`] on the thread that asks for it; the threads of the
//! pool help with its loops. Everywhere else loops run serially, over the same chunks: tiny work wakes nobody.
//!
//! A forked child finds a pool whose threads do not exist (rayon-rs/rayon#708): the process id is kept beside the pool,
//! and a child leaks the old one, because joining it would hang, and makes its own.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, TryLockError};
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};
use crate::kernels::denormals::FlushDenormals;
use crate::kernels::team::{Chunks, Team, for_each_item, for_each_part};

/// The most threads that may be asked for.
pub const MAX_THREADS: usize = 1024;

/// The most parts a reduction on the stack is cut into.
pub const MAX_PARTS: usize = 64;

/// The most pieces that a thing is cut into.
const MAX_PIECES: usize = 64;

/// The environment variables that set the number of threads, the strongest first.
const VARIABLES: [&str; 3] = ["LAMINA_NUM_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS"];

/// How long to wait for another thread that looks up the pool. Longer means that it did not survive a fork.
const PATIENCE: Duration = Duration::from_millis(20);

/// The number asked for with [`set_num_threads`]; 0 = none.
static REQUESTED: AtomicUsize = AtomicUsize::new(0);
/// The number found in the environment or the machine; 0 = not looked up yet.
static FOUND: AtomicUsize = AtomicUsize::new(0);
static POOL: Mutex<Option<Arc<Pool>>> = Mutex::new(None);

/// Threads that help whoever leads their team.
struct Pool {
    process: u32,
    threads: usize,
    team: Arc<Team>,
    helpers: ThreadPool,
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.team.retire();
    }
}

/// The number of threads that work is spread over: [`set_num_threads`], else the environment, else the cores that CPU
/// affinity and cgroup quota allow. A variable that is no number is passed over; [`threads_from_env`] tells of it.
pub fn num_threads() -> usize {
    match REQUESTED.load(Ordering::Relaxed) {
        0 => {}
        requested => return requested,
    }
    match FOUND.load(Ordering::Relaxed) {
        0 => {
            let threads = threads_from_env().ok().flatten().unwrap_or_else(cores);
            FOUND.store(threads, Ordering::Relaxed);
            threads
        }
        found => found,
    }
}

/// Sets the number of threads for this process; `None` goes back to the environment and the machine.
///
/// Work that is under way finishes with the old number. Results do not depend on it.
///
/// # Errors
/// [`Error::Config`] for 0 or more than [`MAX_THREADS`].
pub fn set_num_threads(threads: Option<usize>) -> Result<()> {
    let threads = match threads {
        None => 0,
        Some(n) => checked("num_threads", n, &n.to_string())?,
    };
    REQUESTED.store(threads, Ordering::Relaxed);
    Ok(())
}

/// The number of threads the environment asks for: `LAMINA_NUM_THREADS`, else `RAYON_NUM_THREADS`, else
/// `OMP_NUM_THREADS` (of a list "4,2" the first number); `None` if none is set. rayon's 0 means "as many as there are".
///
/// # Errors
/// [`Error::Config`] naming the variable if the strongest one that is set is no whole number of at least 1.
pub fn threads_from_env() -> Result<Option<usize>> {
    threads_from(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
}

fn threads_from(variable: impl Fn(&str) -> Option<String>) -> Result<Option<usize>> {
    for name in VARIABLES {
        let Some(text) = variable(name).filter(|text| !text.trim().is_empty()) else {
            continue;
        };
        let first = match name {
            "OMP_NUM_THREADS" => text.split(',').next().unwrap_or(&text),
            _ => &text,
        };
        return match first.trim().parse() {
            Ok(0) if name == "RAYON_NUM_THREADS" => continue,
            Ok(threads) => checked(name, threads, &text).map(Some),
            Err(_) => Err(refused(name, &text)),
        };
    }
    Ok(None)
}

fn checked(name: &str, threads: usize, text: &str) -> Result<usize> {
    if (1..=MAX_THREADS).contains(&threads) {
        Ok(threads)
    } else {
        Err(refused(name, text))
    }
}

fn refused(name: &str, text: &str) -> Error {
    Error::config(
        format!("a whole number from 1 to {MAX_THREADS}"),
        format!("{text:?}"),
    )
    .at(name)
}

/// The cores this process may use: affinity and, on Linux, the quota of cgroup v1 or v2.
fn cores() -> usize {
    let allowed = std::thread::available_parallelism().map_or(1, usize::from);
    allowed.min(num_cpus::get()).clamp(1, MAX_THREADS)
}

/// Runs `work` on the calling thread; the threads of the pool help with its loops, as far as there are cores for them.
///
/// With one thread, where another thread has the pool, and where no thread can be started, it runs alone; the numbers are
/// the same. Denormals are flushed while it runs, and the caller's mode is restored. Nothing is allocated while the helpers
/// stay, which is some time after the last work.
///
/// # Panics
/// A panic of `work`, on whichever thread, is raised again on the caller; the pool stays usable.
pub fn install<R>(work: impl FnOnce() -> R) -> R {
    static CORES: OnceLock<usize> = OnceLock::new();
    let threads = num_threads().min(*CORES.get_or_init(cores));
    let _flush = FlushDenormals::enter();
    let Some(pool) = (threads > 1).then(|| pool(threads)).flatten() else {
        return work();
    };
    let call = |member| {
        let team = Arc::clone(&pool.team);
        pool.helpers.spawn(move || team.help(member));
    };
    pool.team.lead(call, work)
}

/// Runs `work` on the calling thread alone with denormals flushed: the way for work too small to wake anybody.
pub fn serial<R>(work: impl FnOnce() -> R) -> R {
    let _flush = FlushDenormals::enter();
    work()
}

/// The pool of this process for this many threads; `None` if it cannot be had.
fn pool(threads: usize) -> Option<Arc<Pool>> {
    let process = std::process::id();
    let asked = Instant::now();
    let mut slot = loop {
        match POOL.try_lock() {
            Ok(slot) => break slot,
            Err(TryLockError::Poisoned(slot)) => break slot.into_inner(),
            // The lock is held for nanoseconds but while threads start. A holder that does not come back was lost in a
            // fork: serial work gives the same numbers.
            Err(TryLockError::WouldBlock) if asked.elapsed() > PATIENCE => return None,
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    };
    match &*slot {
        Some(pool) if pool.process == process && pool.threads == threads => {
            return Some(Arc::clone(pool));
        }
        _ => {}
    }
    if let Some(old) = slot.take()
        && old.process != process
    {
        std::mem::forget(old);
    }
    let helpers = ThreadPoolBuilder::new()
        .num_threads(threads - 1)
        .thread_name(|i| format!("lamina-{}", i + 1))
        // Never dropped: a helper does nothing but our work as long as it lives.
        .start_handler(|_| std::mem::forget(FlushDenormals::enter()))
        .build()
        .ok()?;
    let pool = Arc::new(Pool {
        process,
        threads,
        team: Arc::new(Team::new(threads)),
        helpers,
    });
    *slot = Some(Arc::clone(&pool));
    Some(pool)
}

/// The `index`-th chunk of `0..total`.
fn chunk_range(total: usize, chunk: usize, index: usize) -> Range<usize> {
    index * chunk..total.min((index + 1) * chunk)
}

/// Calls `work` for the chunks `0..chunk`, `chunk..2*chunk`, … of `0..total`; the last may be shorter.
///
/// # Panics
/// If `chunk` is 0, as all loops here; a panic of `work` is passed on.
pub fn for_each_chunk(total: usize, chunk: usize, work: impl Fn(Range<usize>) + Sync) {
    for_each_part(total.div_ceil(chunk), |index| {
        work(chunk_range(total, chunk, index));
    });
}

/// Calls `work` with the index and the elements of each chunk of `slice`; the last may be shorter.
pub fn for_each_chunk_mut<T: Send>(
    slice: &mut [T],
    chunk: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    for_each_item(Chunks::new(slice, chunk), work);
}

/// [`for_each_chunk_mut`] over two slices cut into equally many chunks, each with its own chunk length.
///
/// # Panics
/// If the slices do not have equally many chunks.
pub fn for_each_chunk_mut2<A: Send, B: Send>(
    (a, chunk_a): (&mut [A], usize),
    (b, chunk_b): (&mut [B], usize),
    work: impl Fn(usize, &mut [A], &mut [B]) + Sync,
) {
    assert_eq!(
        a.len().div_ceil(chunk_a),
        b.len().div_ceil(chunk_b),
        "equally many chunks"
    );
    let items = (Chunks::new(a, chunk_a), Chunks::new(b, chunk_b));
    for_each_item(items, |index, (a, b)| work(index, a, b));
}

/// [`for_each_chunk_mut`] over three slices cut into equally many chunks, each with its own chunk length.
///
/// # Panics
/// If the slices do not have equally many chunks.
pub fn for_each_chunk_mut3<A: Send, B: Send, C: Send>(
    (a, chunk_a): (&mut [A], usize),
    (b, chunk_b): (&mut [B], usize),
    (c, chunk_c): (&mut [C], usize),
    work: impl Fn(usize, &mut [A], &mut [B], &mut [C]) + Sync,
) {
    let parts = a.len().div_ceil(chunk_a);
    assert_eq!(parts, b.len().div_ceil(chunk_b), "equally many chunks");
    assert_eq!(parts, c.len().div_ceil(chunk_c), "equally many chunks");
    let pair = (Chunks::new(a, chunk_a), Chunks::new(b, chunk_b));
    let items = (pair, Chunks::new(c, chunk_c));
    for_each_item(items, |index, ((a, b), c)| work(index, a, b, c));
}

/// Calls `work` with pieces of `whole`, which has `parts` parts, and the number of parts in each. `cut` leaves so many
/// parts in a piece and gives the others. Nothing is allocated.
pub fn for_each_piece<W: Send>(
    whole: W,
    parts: usize,
    cut: &impl Fn(&mut W, usize) -> W,
    work: impl Fn(W, usize) + Sync,
) {
    fn spread<W>(
        mut piece: W,
        parts: usize,
        cut: &impl Fn(&mut W, usize) -> W,
        places: &mut [Option<(W, usize)>],
    ) {
        let half = places.len() / 2;
        match places {
            [] => {}
            [place] => *place = Some((piece, parts)),
            _ => {
                let at = parts * half / places.len();
                let rest = cut(&mut piece, at);
                let (left, right) = places.split_at_mut(half);
                spread(piece, at, cut, left);
                spread(rest, parts - at, cut, right);
            }
        }
    }
    let mut places = [const { None }; MAX_PIECES];
    let places = &mut places[..parts.min(MAX_PIECES)];
    spread(whole, parts, cut, places);
    for_each_chunk_mut(places, 1, |_, place| {
        if let Some((piece, parts)) = place[0].take() {
            work(piece, parts);
        }
    });
}

/// The smallest multiple of `chunk` that cuts `0..total` into at most `max_parts` parts: it depends on sizes alone.
pub fn coarse_chunk(total: usize, chunk: usize, max_parts: usize) -> usize {
    chunk * total.div_ceil(chunk).div_ceil(max_parts).max(1)
}

/// The sum of `part` over the chunks of `0..total`, added in index order. Chunks are widened to whole multiples of
/// `chunk` so that there are at most [`MAX_PARTS`]; nothing is allocated.
pub fn sum_chunks(total: usize, chunk: usize, part: impl Fn(Range<usize>) -> f64 + Sync) -> f64 {
    let chunk = coarse_chunk(total, chunk, MAX_PARTS);
    let mut partials = [0.0; MAX_PARTS];
    let mut sum = 0.0;
    reduce_chunks(
        total,
        chunk,
        &mut partials[..total.div_ceil(chunk)],
        1,
        |range, partial| partial[0] = part(range),
        |partial| sum += partial[0],
    );
    sum
}

/// An ordered reduction: `map` fills `width` numbers for each chunk of `0..total` into its own row of `partials`,
/// then `combine` gets the rows in index order on the calling thread.
///
/// # Panics
/// If `partials` does not hold exactly `width` numbers for each chunk.
pub fn reduce_chunks<T: Send>(
    total: usize,
    chunk: usize,
    partials: &mut [T],
    width: usize,
    map: impl Fn(Range<usize>, &mut [T]) + Sync,
    combine: impl FnMut(&mut [T]),
) {
    assert_eq!(
        partials.len(),
        total.div_ceil(chunk) * width,
        "one row of partials for each chunk"
    );
    if width == 0 {
        return;
    }
    for_each_chunk_mut(partials, width, |index, partial| {
        map(chunk_range(total, chunk, index), partial);
    });
    partials.chunks_mut(width).for_each(combine);
}

#[cfg(test)]
mod tests;
