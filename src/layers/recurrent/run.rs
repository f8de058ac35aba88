//! The way of a recurrent layer through its kernel: memory, states, dropout masks.

use super::{Recurrence, Recurrent};
use crate::error::{Error, Result};
use crate::kernels::recurrent::{
    self as kernel, Kind, Sizes, Tape, Target, WeightGrads, weight_grads,
};
use crate::layer::{Backward, Forward, Mode, Scratch};
use crate::real::Real;
use crate::rng::Stream;
use crate::shape::{Shape, checked_elements};

/// Saved buffers, in the order of [`Scratch::saved`].
mod saved {
    pub const GATES: usize = 0;
    pub const EXTRA: usize = 1;
    pub const BEFORE_H: usize = 2;
    pub const BEFORE_C: usize = 3;
    pub const SUMS: usize = 4;
    pub const INPUT_MASKS: usize = 5;
    pub const STATE_MASKS: usize = 6;
}

/// Scratch of the forward pass, in the order of [`Scratch::forward`].
mod ahead {
    pub const H: usize = 0;
    pub const C: usize = 1;
    pub const WINDOW: usize = 2;
    pub const MASKED: usize = 3;
    pub const BIAS: usize = 4;
    pub const WEIGHTS: usize = 5;
}

/// Scratch of the backward pass, in the order of [`Scratch::backward`].
mod back {
    pub const H: usize = 0;
    pub const C: usize = 1;
    pub const WINDOW: usize = 2;
    pub const STATES: usize = 3;
    pub const SPARE: usize = 4;
    pub const INPUTS: usize = 5;
    pub const BEFORE: usize = 6;
    pub const WEIGHTS: usize = 7;
}

impl<R: Recurrence> Recurrent<R> {
    /// What a call needs: see the modules of indices above.
    pub(super) fn memory<F: Real>(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let sizes = self.sizes(&inputs[0].sizes()?, mode.training, mode.backward);
        let Sizes {
            batch,
            time,
            input,
            units,
            ..
        } = sizes;
        let (width, window) = (sizes.width(), sizes.window());
        let cell = self.cell();
        let need = |wanted: bool, sizes: &[usize]| {
            if wanted {
                checked_elements(sizes)
            } else {
                Ok(0)
            }
        };
        let lstm = sizes.kind == Kind::Lstm;
        // Gates that stay in registers are kept for a backward pass alone.
        let is_joint = kernel::is_joint::<F>(&sizes, &cell);
        let gates = mode.backward || !is_joint;
        let drops = sizes.state_masks > 0;
        let reset_after = sizes.kind == (Kind::Gru { reset_after: true });
        Ok(Scratch {
            saved: vec![
                need(gates, &[batch, sizes.kept(), width])?,
                need(gates && cell.has_extra(), &[batch, sizes.kept(), units])?,
                need(mode.backward, &[batch, time, units])?,
                need(mode.backward && lstm, &[batch, time, units])?,
                need(mode.backward && cell.keeps_sums(), &[batch, time, width])?,
                need(true, &[batch, sizes.input_masks, input])?,
                need(true, &[batch, sizes.state_masks, units])?,
            ],
            forward: vec![
                need(!self.return_state, &[batch, units])?,
                need(!self.return_state && lstm, &[batch, units])?,
                match is_joint {
                    true => need(sizes.input_masks > 0, &[batch, input])?,
                    false => need(true, &[batch, window, input])?,
                },
                need(drops || is_joint && !mode.backward, &[batch, units])?,
                need(reset_after && self.use_bias, &[width])?,
                kernel::Weights::<F>::len(&sizes, &cell, false),
            ],
            backward: vec![
                need(true, &[batch, units])?,
                need(lstm, &[batch, units])?,
                need(true, &[batch, window, input])?,
                need(true, &[batch, 2, units])?,
                need(true, &[batch, width])?,
                need(true, &[batch, time, input.next_multiple_of(kernel::PANEL)])?,
                need(true, &[batch, time, units.next_multiple_of(kernel::PANEL)])?,
                kernel::Weights::<F>::len(&sizes, &cell, true),
            ],
            reads_inputs: true,
            reads_outputs: false,
        })
    }

    /// Lays out what the kernel works with and runs it.
    pub(super) fn run_forward<F: Real>(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let (h_before, c_before) = (cx.saved(saved::BEFORE_H), cx.saved(saved::BEFORE_C));
        let sizes = self.sizes(cx.input_shape(0), cx.training(), !h_before.is_empty());
        let (cell, width, states) = (self.cell(), sizes.width(), sizes.kind.states());
        let first_state = 2 + usize::from(self.use_bias);
        let mut kept = [None, None];
        if self.stateful {
            for (i, kept) in kept[..states].iter_mut().enumerate() {
                *kept = cx.state(first_state + i);
            }
        }
        let mut now = [(); 2].map(|()| Default::default());
        for (i, now) in now[..states].iter_mut().enumerate() {
            *now = if self.return_state {
                cx.output(1 + i)
            } else {
                cx.temp([ahead::H, ahead::C][i])
            };
            start(
                now,
                (self.num_states > 0).then(|| cx.input(1 + i)),
                kept[i].as_deref(),
                self.units,
            )?;
        }
        let input_masks = cx.saved(saved::INPUT_MASKS);
        let state_masks = cx.saved(saved::STATE_MASKS);
        draw(cx.random(self.seed, 0), self.dropout, input_masks);
        draw(cx.random(self.seed, 1), self.recurrent_dropout, state_masks);
        let bias = if self.use_bias { cx.param(2) } else { &[] };
        let (mut bias, candidate_bias) = bias.split_at(bias.len().min(width));
        if !candidate_bias.is_empty() {
            let both = cx.temp(ahead::BIAS);
            both.copy_from_slice(bias);
            let gates = 2 * self.units;
            both[..gates]
                .iter_mut()
                .zip(candidate_bias)
                .for_each(|(both, &bias)| *both += bias);
            bias = both;
        }
        let weights = kernel::Weights::pack(
            &sizes,
            &cell,
            (cx.param(0), cx.param(1)),
            (
                bias,
                candidate_bias.get(2 * self.units..).unwrap_or_default(),
            ),
            cx.temp(ahead::WEIGHTS),
        );
        let [h, c] = &mut now;
        let work = kernel::Forward {
            x: cx.input(0),
            mask: cx
                .mask(0)
                .filter(|_| !self.ignores_mask)
                .unwrap_or_default(),
            input_masks,
            state_masks,
            states: [&mut **h, &mut **c],
            y: cx.output(0),
            tape: Tape {
                gates: cx.saved(saved::GATES),
                extra: cx.saved(saved::EXTRA),
                before: [h_before, c_before],
                sums: cx.saved(saved::SUMS),
            },
            window: cx.temp(ahead::WINDOW),
            masked: cx.temp(ahead::MASKED),
        };
        kernel::forward(&sizes, &cell, &weights, work);
        for (kept, now) in kept.iter_mut().zip(&now) {
            if let Some(kept) = kept {
                kept.copy_from_slice(now);
            }
        }
        Ok(())
    }

    /// The same way back, and the gradients by the weights.
    pub(super) fn run_backward<F: Real>(&self, mut cx: Backward<'_, F>) {
        let sizes = self.sizes(cx.input_shape(0), cx.training(), true);
        let cell = self.cell();
        let mut grad_states = [cx.temp(back::H), cx.temp(back::C)];
        for (i, state) in grad_states[..sizes.kind.states()].iter_mut().enumerate() {
            match if self.return_state {
                cx.grad_output_mut(1 + i)
            } else {
                None
            } {
                Some(grad) => state.copy_from_slice(grad),
                None => state.fill(F::ZERO),
            }
        }
        let input_masks: &[F] = cx.saved(saved::INPUT_MASKS);
        let state_masks: &[F] = cx.saved(saved::STATE_MASKS);
        let (gates, extra) = (cx.saved(saved::GATES), cx.saved(saved::EXTRA));
        let (before_h, before_c) = (cx.saved(saved::BEFORE_H), cx.saved(saved::BEFORE_C));
        let (grad_x, add_x) = match cx.grad_input(0) {
            Some(grad) => (grad.values, grad.accumulate),
            None => (&mut [][..], false),
        };
        let packed = cx.temp(back::WEIGHTS);
        let weights = kernel::Weights::pack_transposed(&sizes, (cx.param(0), cx.param(1)), packed);
        let [grad_h, grad_c] = &mut grad_states;
        let work = kernel::Backward {
            mask: cx
                .mask(0)
                .filter(|_| !self.ignores_mask)
                .unwrap_or_default(),
            input_masks,
            state_masks,
            grad_y: cx.grad_output_mut(0).unwrap_or_default(),
            grad_states: [&mut **grad_h, &mut **grad_c],
            tape: Tape {
                gates: &mut *gates,
                extra: &mut *extra,
                before: [&mut *before_h, before_c],
                sums: cx.saved(saved::SUMS),
            },
            grad_x,
            add_x,
            window: cx.temp(back::WINDOW),
            states: cx.temp(back::STATES),
            spare: cx.temp(back::SPARE),
        };
        kernel::backward(&sizes, &cell, &weights, work);
        for (i, from) in grad_states.iter().enumerate().take(self.num_states) {
            if let Some(mut grad) = cx.grad_input(1 + i) {
                grad.clear();
                grad.values
                    .iter_mut()
                    .zip(&**from)
                    .for_each(|(grad, &from)| *grad += from);
            }
        }
        let mut target = |i| {
            cx.grad_param(i).map(|grad| Target {
                accumulate: grad.accumulate,
                values: grad.values,
            })
        };
        let work = WeightGrads {
            kernel: target(0),
            recurrent: target(1),
            bias: if self.use_bias { target(2) } else { None },
            x: cx.input(0),
            input_masks,
            state_masks,
            gates,
            extra,
            before: before_h,
            inputs: cx.temp(back::INPUTS),
            states: cx.temp(back::BEFORE),
        };
        weight_grads(&sizes, work);
    }
}

/// Puts the states that a sequence starts from in place: those given, else those kept, else zeros; `width` numbers each.
pub(in crate::layers) fn start<F: Real>(
    now: &mut [F],
    given: Option<&[F]>,
    kept: Option<&[F]>,
    width: usize,
) -> Result<()> {
    if let Some(kept) = kept.filter(|kept| kept.len() != now.len()) {
        let batch = |state: &[F]| format!("a batch of {}", state.len() / width);
        return Err(Error::shape(
            format!(
                "{}, as `stateful` keeps a state for each sequence",
                batch(kept)
            ),
            batch(now),
        )
        .remedy("Feed the layer whole batches of the size it was built for."));
    }
    match given.or(kept) {
        Some(states) => now.copy_from_slice(states),
        None => now.fill(F::ZERO),
    }
    Ok(())
}

/// Dropout masks: 0 with probability `rate`, else what keeps the mean.
pub(in crate::layers) fn draw<F: Real>(stream: Stream, rate: f64, masks: &mut [F]) {
    let (rate, scale) = (F::of(rate), F::of(1.0 / (1.0 - rate)));
    stream.fill_uniform(masks, 0);
    masks
        .iter_mut()
        .for_each(|mask| *mask = if *mask < rate { F::ZERO } else { scale });
}
