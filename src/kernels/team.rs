//! Hot fork and join: loops whose parts are shared out among threads that are awake.
//!
//! A training step is some hundred loops of tens of microseconds, and waking a thread for each costs as much again. So the
//! helpers of a [`Team`] look for the next loop after each: spinning first, then giving way to other processes, then asleep,
//! and after a long sleep they leave. The leader is whichever thread has work; nobody waits for a thread that has not come:
//! the leader takes all parts that are left, and waits only for parts that others have begun.
//!
//! Each member begins with its own share of the parts, the same one in every loop, so that it finds in its cache what it
//! wrote before; then it helps the others. A loop inside a part runs on the thread that met it.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Shares that the parts of a loop are cut into at most; further members begin as helpers of others.
const MAX_SHARES: usize = 16;
/// Looks for the next loop without a pause in between: some 20 us.
const SPINS: u32 = 2000;
/// Looks after which a thread, having given way in between for some 85 us, goes to sleep.
const YIELDS_END: u32 = SPINS + 500;
/// The sleep after which a helper leaves.
const LINGER: Duration = Duration::from_millis(100);

thread_local! {
    /// The team that this thread leads; null if there is none, and inside a loop.
    static LED: Cell<*const Team> = const { Cell::new(ptr::null()) };
}

/// The parts of a loop.
type Work<'a> = dyn Fn(usize) + Sync + 'a;

#[derive(Clone, Copy)]
struct Job {
    work: *const Work<'static>,
    shares: usize,
}

/// A share of the parts, on cache lines of its own.
#[repr(align(128))]
#[derive(Default)]
struct Share {
    next: AtomicUsize,
    end: AtomicUsize,
}

/// Threads that work on the loops of one of them.
pub(crate) struct Team {
    /// Which members have come or been called; the leader, member 0, always has.
    here: Box<[AtomicBool]>,
    /// Whether a thread leads.
    led: AtomicBool,
    /// Threads that wanted to lead meanwhile and work alone.
    loners: AtomicUsize,
    /// Whether the helpers are to leave for good.
    retired: AtomicBool,
    /// Counts the beginnings and ends of loops: odd while one is open.
    ticket: AtomicUsize,
    /// Helpers that may be looking at the job.
    busy: AtomicUsize,
    job: UnsafeCell<Option<Job>>,
    shares: [Share; MAX_SHARES],
    sleepers: AtomicUsize,
    bed: Mutex<()>,
    alarm: Condvar,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `job` is written while the ticket is even and nobody is busy, and read only by those who are busy and have seen
// the ticket odd after they said so; what it points to is `Sync` and outlives the open loop.
unsafe impl Sync for Team {}
// SAFETY: `job` is empty but while a loop is open, and the thread that opened it has a reference until then.
unsafe impl Send for Team {}

impl Team {
    /// A team of up to `size` threads, the leader included.
    pub fn new(size: usize) -> Self {
        Self {
            here: (0..size)
                .map(|member| AtomicBool::new(member == 0))
                .collect(),
            led: AtomicBool::new(false),
            loners: AtomicUsize::new(0),
            retired: AtomicBool::new(false),
            ticket: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            job: UnsafeCell::new(None),
            shares: Default::default(),
            sleepers: AtomicUsize::new(0),
            bed: Mutex::new(()),
            alarm: Condvar::new(),
            panic: Mutex::new(None),
        }
    }

    /// Runs `work` on this thread; its loops are shared by the team. `call` brings the helper of a number: its thread is to
    /// run [`Team::help`]. If another thread leads the team, this one works alone, and a helper fewer takes part meanwhile:
    /// its core is taken.
    pub fn lead<R>(&self, call: impl Fn(usize), work: impl FnOnce() -> R) -> R {
        struct Lead<'a>(&'a Team, *const Team);
        impl Drop for Lead<'_> {
            fn drop(&mut self) {
                LED.set(self.1);
                self.0.led.store(false, Ordering::Release);
            }
        }
        struct Alone<'a>(&'a Team);
        impl Drop for Alone<'_> {
            fn drop(&mut self) {
                self.0.loners.fetch_sub(1, Ordering::Relaxed);
            }
        }
        if LED.get() == ptr::from_ref(self) {
            return work();
        }
        if self.led.swap(true, Ordering::Acquire) {
            self.loners.fetch_add(1, Ordering::Relaxed);
            let _alone = Alone(self);
            return work();
        }
        let _lead = Lead(self, LED.replace(self));
        self.wake();
        for (member, here) in self.here.iter().enumerate() {
            if !here.load(Ordering::Relaxed) {
                here.store(true, Ordering::Relaxed);
                call(member);
            }
        }
        work()
    }

    /// Works on the leaders' loops until the team retires or has no leader for long.
    pub fn help(&self, member: usize) {
        let (mut done, mut idle) = (0, 0);
        while !self.retired.load(Ordering::Relaxed) {
            let ticket = self.ticket.load(Ordering::SeqCst);
            let invited = member + self.loners.load(Ordering::Relaxed) < self.here.len();
            if ticket % 2 == 1 && ticket != done && invited {
                self.busy.fetch_add(1, Ordering::SeqCst);
                // Only now is it sure that the leader waits for us, if the loop is still open.
                if self.ticket.load(Ordering::SeqCst) == ticket
                    && let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.work_off(member)))
                {
                    let mut slot = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
                    slot.get_or_insert(panic);
                }
                self.busy.fetch_sub(1, Ordering::SeqCst);
                (done, idle) = (ticket, 0);
                continue;
            }
            idle += 1;
            match idle {
                ..SPINS => std::hint::spin_loop(),
                SPINS..YIELDS_END => std::thread::yield_now(),
                _ if self.sleep(ticket) => idle = 0,
                _ => break,
            }
        }
        self.here[member].store(false, Ordering::Relaxed);
    }

    /// Sleeps until somebody calls; false if nobody has for long.
    fn sleep(&self, ticket: usize) -> bool {
        let bed = self.bed.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let mut called = true;
        if self.ticket.load(Ordering::SeqCst) == ticket && !self.retired.load(Ordering::SeqCst) {
            let slept = self.alarm.wait_timeout(bed, LINGER);
            let (_bed, slept) = slept.unwrap_or_else(PoisonError::into_inner);
            called = !slept.timed_out() || self.led.load(Ordering::Relaxed);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
        called
    }

    fn wake(&self) {
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            drop(self.bed.lock().unwrap_or_else(PoisonError::into_inner));
            self.alarm.notify_all();
        }
    }

    /// Sends the helpers away.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Calls `work` for each part, on all members; by the leader alone, outside of a loop.
    fn share_out(&self, parts: usize, work: &Work<'_>) {
        /// Closes the loop and waits until nobody works on it any more, also if a part of the leader's panics.
        struct Close<'a>(&'a Team, usize);
        impl Drop for Close<'_> {
            fn drop(&mut self) {
                self.0.ticket.store(self.1, Ordering::SeqCst);
                let mut looks = 0;
                while self.0.busy.load(Ordering::SeqCst) > 0 {
                    looks += 1;
                    match looks {
                        ..SPINS => std::hint::spin_loop(),
                        _ => std::thread::yield_now(),
                    }
                }
                LED.set(self.0);
                if std::thread::panicking() {
                    // One panic is enough, and the next loop is not to blame.
                    drop(self.0.take_panic());
                }
            }
        }
        let shares = self.here.len().min(MAX_SHARES).min(parts);
        for (i, share) in self.shares[..shares].iter().enumerate() {
            share.next.store(parts * i / shares, Ordering::Relaxed);
            share.end.store(parts * (i + 1) / shares, Ordering::Relaxed);
        }
        let open = self.ticket.load(Ordering::Relaxed) + 1;
        debug_assert!(open % 2 == 1 && self.busy.load(Ordering::Relaxed) < self.here.len());
        // SAFETY: the pointer is used while the loop is open, and `Close` does not let us go before it is closed.
        let work = unsafe { std::mem::transmute::<*const Work<'_>, *const Work<'static>>(work) };
        // SAFETY: the last loop is closed, so nobody looks at the job.
        unsafe { *self.job.get() = Some(Job { work, shares }) };
        LED.set(ptr::null());
        let close = Close(self, open + 1);
        self.ticket.store(open, Ordering::SeqCst);
        self.wake();
        self.work_off(0);
        drop(close);
        if let Some(panic) = self.take_panic() {
            resume_unwind(panic);
        }
    }

    fn take_panic(&self) -> Option<Box<dyn Any + Send>> {
        self.panic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Does parts until none is left to be begun.
    fn work_off(&self, member: usize) {
        // SAFETY: the loop is open, and stays so until we are done: nobody writes the job.
        let Some(job) = (unsafe { *self.job.get() }) else {
            return;
        };
        // SAFETY: as above: the work outlives the loop.
        let work = unsafe { &*job.work };
        for i in 0..job.shares {
            let share = &self.shares[(member + i) % job.shares];
            let end = share.end.load(Ordering::Relaxed);
            loop {
                let part = share.next.fetch_add(1, Ordering::Relaxed);
                if part >= end {
                    break;
                }
                work(part);
            }
        }
    }
}

/// Calls `work` once for each of `0..parts`: shared if this thread leads a team, else in order.
pub(crate) fn for_each_part(parts: usize, work: impl Fn(usize) + Sync) {
    let team = LED.get();
    if parts < 2 || team.is_null() {
        return (0..parts).for_each(work);
    }
    // SAFETY: the team lives as long as it is led.
    unsafe { &*team }.share_out(parts, &work);
}

/// Things that can be given away one by one, by index.
pub(crate) trait Items: Sync {
    /// One of them.
    type Item;
    /// How many there are.
    fn count(&self) -> usize;
    /// The thing at `index`, which is below the count.
    ///
    /// # Safety
    /// Each is taken once at most.
    unsafe fn take(&self, index: usize) -> Self::Item;
}

/// Calls `work` with each of `items` and its index.
pub(crate) fn for_each_item<I: Items>(items: I, work: impl Fn(usize, I::Item) + Sync) {
    for_each_part(items.count(), |index| {
        // SAFETY: every part of a loop is worked on once.
        work(index, unsafe { items.take(index) });
    });
}

/// A slice cut into chunks; the last may be shorter.
pub(crate) struct Chunks<'a, T> {
    first: *mut T,
    len: usize,
    chunk: usize,
    slice: PhantomData<&'a mut [T]>,
}

// SAFETY: each chunk goes to one thread, as `&mut [T]` may if T is `Send`.
unsafe impl<T: Send> Sync for Chunks<'_, T> {}

impl<'a, T> Chunks<'a, T> {
    /// Chunks of `chunk` elements.
    ///
    /// # Panics
    /// If `chunk` is 0.
    pub fn new(slice: &'a mut [T], chunk: usize) -> Self {
        assert!(chunk > 0, "chunks of at least one element");
        Self {
            first: slice.as_mut_ptr(),
            len: slice.len(),
            chunk,
            slice: PhantomData,
        }
    }
}

impl<'a, T: Send> Items for Chunks<'a, T> {
    type Item = &'a mut [T];

    fn count(&self) -> usize {
        self.len.div_ceil(self.chunk)
    }

    unsafe fn take(&self, index: usize) -> &'a mut [T] {
        let start = index * self.chunk;
        debug_assert!(start < self.len);
        let len = self.chunk.min(self.len - start);
        // SAFETY: within the slice that we hold exclusively, and no other item overlaps.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(start), len) }
    }
}

impl<A: Items, B: Items> Items for (A, B) {
    type Item = (A::Item, B::Item);

    fn count(&self) -> usize {
        self.0.count().min(self.1.count())
    }

    unsafe fn take(&self, index: usize) -> Self::Item {
        // SAFETY: as the caller vouches.
        unsafe { (self.0.take(index), self.1.take(index)) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::thread;

    use super::*;

    /// Runs `work` as the leader of a team with this many helpers.
    fn led<R>(helpers: usize, work: impl FnOnce() -> R) -> R {
        let team = Team::new(helpers + 1);
        thread::scope(|scope| {
            let called = |member| {
                let team = &team;
                scope.spawn(move || team.help(member));
            };
            let result = team.lead(called, work);
            team.retire();
            result
        })
    }

    fn leads() -> bool {
        !LED.get().is_null()
    }

    #[test]
    fn each_part_of_many_loops_is_done_once() {
        for helpers in [0, 1, 3, 20] {
            led(helpers, || {
                for round in 0..300 {
                    let parts = round % 70;
                    let visits: Vec<AtomicU64> = (0..parts).map(|_| AtomicU64::new(0)).collect();
                    for_each_part(parts, |i| {
                        visits[i].fetch_add(1, Ordering::Relaxed);
                    });
                    assert!(visits.iter().all(|v| v.load(Ordering::Relaxed) == 1));
                }
            });
        }
    }

    #[test]
    fn a_loop_within_a_part_runs_on_its_thread() {
        led(2, || {
            for_each_part(50, |_| {
                let here = thread::current().id();
                assert!(!leads());
                for_each_part(5, |_| assert_eq!(thread::current().id(), here));
            });
            assert!(leads());
        });
        assert!(!leads());
    }

    #[test]
    fn helpers_wake_up_for_a_loop_after_a_long_pause() {
        led(1, || {
            thread::sleep(Duration::from_millis(40));
            let mut chunks = vec![0; 64];
            for_each_item(Chunks::new(&mut chunks, 3), |i, part| {
                thread::sleep(Duration::from_micros(100));
                part.fill(i);
            });
            assert!(chunks.iter().enumerate().all(|(i, &c)| c == i / 3));
        });
    }

    #[test]
    fn a_panic_of_any_part_reaches_the_leader_and_the_team_goes_on() {
        led(1, || {
            for places in [0..1, 31..32, 63..64, 0..64] {
                let panic = catch_unwind(|| {
                    for_each_part(64, |i| assert!(!places.contains(&i), "place"));
                });
                assert!(panic.is_err());
                for_each_part(64, |_| ());
            }
        });
    }

    #[test]
    fn helpers_are_called_once_and_leave_when_nobody_leads_for_long() {
        let team = Team::new(2);
        let calls = AtomicU64::new(0);
        thread::scope(|scope| {
            let lead = || {
                let call = |member| {
                    calls.fetch_add(1, Ordering::Relaxed);
                    let team = &team;
                    scope.spawn(move || team.help(member));
                };
                team.lead(call, || for_each_part(9, |_| ()));
            };
            lead();
            lead();
            assert_eq!(calls.load(Ordering::Relaxed), 1);
            while team.here[1].load(Ordering::Relaxed) {
                thread::yield_now();
            }
            lead();
            assert_eq!(calls.load(Ordering::Relaxed), 2);
            team.retire();
        });
    }

    #[test]
    fn who_finds_the_team_led_works_alone() {
        let team = Team::new(2);
        let call = |_| ();
        team.lead(call, || {
            assert!(leads());
            team.lead(call, || assert!(leads())); // its own leader
            thread::scope(|scope| {
                scope.spawn(|| {
                    team.lead(call, || {
                        assert!(!leads());
                        assert_eq!(team.loners.load(Ordering::Relaxed), 1);
                    });
                });
            });
        });
        assert_eq!(team.loners.load(Ordering::Relaxed), 0);
    }
}
