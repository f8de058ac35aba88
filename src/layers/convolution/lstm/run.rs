//! The way of the layer through its kernel: memory, states, dropout masks.

use super::ConvolvedLstm;
use crate::error::Result;
use crate::kernels::recurrent::convolved::{self as kernel, Grads};
use crate::kernels::recurrent::{Tape, Target};
use crate::layer::{Backward, Forward, Grad, Mode, Scratch};
use crate::layers::recurrent::{draw, start};
use crate::real::Real;
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

/// Scratch of either direction, in the order of [`Scratch::forward`] and [`Scratch::backward`].
mod temp {
    pub const FRAMES: usize = 0;
    pub const MASKED: usize = 1;
    pub const ROOM: usize = 2;
    pub const H: usize = 3;
    pub const C: usize = 4;
}

impl<const RANK: usize> ConvolvedLstm<RANK> {
    /// What a call needs: see the modules of indices above.
    pub(super) fn memory(&self, inputs: &[Shape], mode: Mode) -> Result<Scratch> {
        let sizes = self.sizes(&inputs[0].sizes()?, mode.training)?;
        let state = sizes.state();
        let need = |wanted: bool, sizes: &[usize]| {
            if wanted {
                checked_elements(sizes)
            } else {
                Ok(0)
            }
        };
        let steps = if mode.backward { sizes.time } else { 1 };
        let (inputs, of_sample) = (sizes.inputs(), sizes.inputs() / sizes.time.max(1));
        let keeps_sums = mode.backward && self.cell().keeps_sums();
        let temp = |steps: usize, backward: bool| -> Result<Vec<usize>> {
            let own = backward || !self.return_state;
            Ok(vec![
                inputs,
                sizes.masked(steps),
                need(true, &[sizes.room(backward)])?,
                need(own, &[state])?,
                need(own, &[state])?,
            ])
        };
        Ok(Scratch {
            saved: vec![
                need(true, &[sizes.time, super::GATES, state])?,
                need(true, &[steps, state])?,
                need(mode.backward, &[steps, state])?,
                need(mode.backward, &[steps, state])?,
                need(keeps_sums, &[steps, super::GATES, state])?,
                need(sizes.input.groups > 1, &[of_sample])?,
                sizes.masked(1),
            ],
            forward: temp(1, false)?,
            backward: temp(sizes.time, true)?,
            reads_inputs: true,
            reads_outputs: false,
        })
    }

    /// Lays out what the kernel works with and runs it.
    pub(super) fn run_forward<F: Real>(&self, mut cx: Forward<'_, F>) -> Result<()> {
        let sizes = self.sizes(cx.input_shape(0), cx.training())?;
        let first_state = 2 + usize::from(self.use_bias);
        let mut kept = [0, 1].map(|i| {
            if self.stateful {
                cx.state(first_state + i)
            } else {
                None
            }
        });
        let mut now = [0, 1].map(|i| {
            if self.return_state {
                cx.output(1 + i)
            } else {
                cx.temp([temp::H, temp::C][i])
            }
        });
        let width = sizes.pixels() * sizes.filters();
        for (i, (now, kept)) in now.iter_mut().zip(&kept).enumerate() {
            let given = (self.num_states > 0).then(|| cx.input(1 + i));
            start(now, given, kept.as_deref(), width)?;
        }
        let input_masks = cx.saved(saved::INPUT_MASKS);
        let state_masks = cx.saved(saved::STATE_MASKS);
        draw(cx.random(self.seed, 0), self.dropout, input_masks);
        draw(cx.random(self.seed, 1), self.recurrent_dropout, state_masks);
        let [h, c] = &mut now;
        let work = kernel::Forward {
            x: cx.input(0),
            mask: self.skipped(cx.mask(0)),
            input_masks,
            state_masks,
            kernel: cx.param(0),
            recurrent_kernel: cx.param(1),
            bias: self.use_bias.then(|| cx.param(2)),
            states: [&mut **h, &mut **c],
            y: cx.output(0),
            tape: tape(|i| cx.saved(i)),
            frames: cx.temp(temp::FRAMES),
            masked: cx.temp(temp::MASKED),
            room: cx.temp(temp::ROOM),
        };
        kernel::forward(&sizes, &self.cell(), work);
        for (kept, now) in kept.iter_mut().zip(&now) {
            if let Some(kept) = kept {
                kept.copy_from_slice(now);
            }
        }
        Ok(())
    }

    /// The same way back, and the gradients by the weights.
    pub(super) fn run_backward<F: Real>(&self, mut cx: Backward<'_, F>) -> Result<()> {
        let sizes = self.sizes(cx.input_shape(0), cx.training())?;
        let mut grad_states = [cx.temp(temp::H), cx.temp(temp::C)];
        for (i, state) in grad_states.iter_mut().enumerate() {
            match if self.return_state {
                cx.grad_output_mut(1 + i)
            } else {
                None
            } {
                Some(grad) => state.copy_from_slice(grad),
                None => state.fill(F::ZERO),
            }
        }
        let [dh, dc] = &mut grad_states;
        let work = kernel::Backward {
            x: cx.input(0),
            mask: self.skipped(cx.mask(0)),
            input_masks: cx.saved(saved::INPUT_MASKS),
            state_masks: cx.saved(saved::STATE_MASKS),
            kernel: cx.param(0),
            recurrent_kernel: cx.param(1),
            grad_y: cx.grad_output_mut(0).unwrap_or_default(),
            grad_states: [&mut **dh, &mut **dc],
            tape: tape(|i| cx.saved(i)),
            frames: cx.temp(temp::FRAMES),
            masked: cx.temp(temp::MASKED),
            room: cx.temp(temp::ROOM),
            grads: Grads {
                x: cx.grad_input(0).map(target),
                kernel: cx.grad_param(0).map(target),
                recurrent_kernel: cx.grad_param(1).map(target),
                bias: if self.use_bias {
                    cx.grad_param(2).map(target)
                } else {
                    None
                },
            },
        };
        kernel::backward(&sizes, &self.cell(), work);
        for (i, from) in grad_states.iter().enumerate().take(self.num_states) {
            if let Some(mut grad) = cx.grad_input(1 + i) {
                grad.clear();
                let both = grad.values.iter_mut().zip(&**from);
                both.for_each(|(grad, &from)| *grad += from);
            }
        }
        Ok(())
    }

    fn skipped<'a, F>(&self, mask: Option<&'a [F]>) -> &'a [F] {
        mask.filter(|_| !self.ignores_mask).unwrap_or_default()
    }
}

fn tape<'a, F>(mut saved: impl FnMut(usize) -> &'a mut [F]) -> Tape<'a, F> {
    Tape {
        gates: saved(saved::GATES),
        extra: saved(saved::EXTRA),
        before: [saved(saved::BEFORE_H), saved(saved::BEFORE_C)],
        sums: saved(saved::SUMS),
    }
}

fn target<F>(grad: Grad<'_, F>) -> Target<'_, F> {
    Target {
        values: grad.values,
        accumulate: grad.accumulate,
    }
}
