//! What an optimizer remembers, as arrays for files.

use std::ops::Range;

use super::{OptimizerState, Segment};
use crate::error::{Error, Result};
use crate::kernels::optimizer::{CHUNK, slot_range};
use crate::optimizers::Slots;
use crate::real::Real;
use crate::shape::Shape;

/// The name of the adaptive factor on gradients, and of how many steps went well, among what is remembered.
const LOSS_SCALE: &str = "loss_scale";
/// The name of the loss of the step before.
const LOSS: &str = "previous_loss";

impl<F: Real> OptimizerState<F> {
    /// Everything remembered but the number of steps and the learning rate, in the order of the weights and named after
    /// them (`"dense/kernel/momentum"`).
    pub fn export(&self, segments: &[Segment]) -> Result<Vec<StateTensor<F>>> {
        self.check(segments)?;
        let mut tensors = Vec::new();
        let mut at = 0;
        for (index, segment) in segments.iter().enumerate() {
            for (name, shape, pieces) in self.places(index, segment, at) {
                let pieces = pieces
                    .into_iter()
                    .map(|(part, range)| &self.part(part)[range]);
                tensors.push(StateTensor {
                    name: format!("{}/{name}", segment.name),
                    shape,
                    values: pieces.flatten().copied().collect(),
                });
            }
            at += segment.len();
        }
        if let Some(loss) = self.loss {
            tensors.push(StateTensor {
                name: LOSS.to_owned(),
                shape: vec![1],
                values: vec![loss],
            });
        }
        if let Some(adaptive) = &self.loss_scale {
            tensors.push(StateTensor {
                name: LOSS_SCALE.to_owned(),
                shape: vec![2],
                values: vec![F::of(adaptive.scale), F::of(adaptive.well as f64)],
            });
        }
        Ok(tensors)
    }

    /// Finds what [`export`](Self::export) gave among `tensors`, for [`take`](Self::take).
    ///
    /// # Errors
    /// If an array is missing or of another shape.
    pub(in crate::optimizers) fn find<'a>(
        &self,
        segments: &[Segment],
        tensors: &'a [StateTensor<F>],
    ) -> Result<Found<'a, F>> {
        self.check(segments)?;
        let refused =
            |expected: String, got: String| Error::param(expected, got).at(self.optimizer.kind());
        let find = |name: &str, shape: &[usize]| {
            let found = tensors.iter().find(|tensor| tensor.name == name);
            let tensor = found.ok_or_else(|| {
                refused(
                    format!("the optimizer state {name:?}"),
                    "none of this name".into(),
                )
            })?;
            if tensor.shape != shape || tensor.values.len() != shape.iter().product::<usize>() {
                return Err(refused(
                    format!(
                        "the optimizer state {name:?} of shape {}",
                        Shape::known(shape)
                    ),
                    format!("an array of shape {}", Shape::known(&tensor.shape)),
                ));
            }
            Ok(tensor.values.as_slice())
        };
        let mut at = 0;
        let mut moves = Vec::new();
        for (index, segment) in segments.iter().enumerate() {
            for (name, shape, pieces) in self.places(index, segment, at) {
                let values = find(&format!("{}/{name}", segment.name), &shape)?;
                moves.push((pieces, values));
            }
            at += segment.len();
        }
        let wanted = |wanted: bool, name, len| wanted.then(|| find(name, &[len])).transpose();
        Ok(Found {
            moves,
            loss_scale: wanted(self.loss_scale.is_some(), LOSS_SCALE, 2)?,
            loss: wanted(self.loss.is_some(), LOSS, 1)?,
        })
    }

    /// Takes back what was found, bit for bit.
    pub(in crate::optimizers) fn take(&mut self, found: Found<'_, F>) {
        if let (Some(adaptive), Some(&[scale, well])) = (&mut self.loss_scale, found.loss_scale) {
            (adaptive.scale, adaptive.well) = (scale.f64(), well.f64() as u64);
        }
        if let Some(&[loss]) = found.loss {
            self.loss = Some(loss);
        }
        for (pieces, mut values) in found.moves {
            for (part, range) in pieces {
                let (here, rest) = values.split_at(range.len());
                self.part_mut(part)[range].copy_from_slice(here);
                values = rest;
            }
        }
    }

    /// The slots of weight `index`: names, shapes, and the ranges each consists of.
    pub(super) fn slot_places(
        &self,
        index: usize,
        segment: &Segment,
    ) -> Vec<(&'static str, Vec<usize>, Ranges)> {
        let mut start = self.slot_starts[index];
        let len = segment.len();
        match self.optimizer.slots(segment) {
            Slots::Elementwise(names) => {
                let ranges = |slot: usize| {
                    let chunks = 0..len.div_ceil(CHUNK);
                    chunks
                        .map(|chunk| slot_range(len, names.len(), slot, chunk))
                        .map(|range| start + range.start..start + range.end)
                        .collect()
                };
                let names = names.iter().enumerate();
                names
                    .map(|(slot, &name)| (name, segment.shape.clone(), ranges(slot)))
                    .collect()
            }
            Slots::Apart(arrays) => arrays
                .into_iter()
                .map(|(name, shape)| {
                    let range = start..start + shape.iter().product::<usize>();
                    start = range.end;
                    (name, shape, vec![range])
                })
                .collect(),
        }
    }

    /// What is remembered of weight `index`, `at` being the number of elements before it: names, shapes, and the pieces each
    /// consists of.
    fn places(
        &self,
        index: usize,
        segment: &Segment,
        at: usize,
    ) -> Vec<(&'static str, Vec<usize>, Vec<Piece>)> {
        let slots = self.slot_places(index, segment).into_iter();
        let mut places: Vec<_> = slots
            .map(|(name, shape, ranges)| {
                let pieces = ranges.into_iter().map(|range| (Part::Slots, range));
                (name, shape, pieces.collect())
            })
            .collect();
        let whole = at..at + segment.len();
        for (name, part) in [
            ("average", Part::Average),
            ("gradient_accumulator", Part::Accumulated),
        ] {
            if !self.part(part).is_empty() {
                places.push((name, segment.shape.clone(), vec![(part, whole.clone())]));
            }
        }
        places
    }

    fn part(&self, part: Part) -> &[F] {
        match part {
            Part::Slots => self.slots.values(),
            Part::Average => self.average.values(),
            Part::Accumulated => self.accumulated.values(),
        }
    }

    fn part_mut(&mut self, part: Part) -> &mut [F] {
        match part {
            Part::Slots => self.slots.values_mut(),
            Part::Average => self.average.values_mut(),
            Part::Accumulated => self.accumulated.values_mut(),
        }
    }
}

/// One array of what an optimizer remembers.
#[derive(Debug, Clone, PartialEq)]
pub struct StateTensor<F> {
    /// The weight it belongs to and what it is: `"dense/kernel/momentum"`.
    pub name: String,
    /// The shape of the weight.
    pub shape: Vec<usize>,
    /// The numbers.
    pub values: Vec<F>,
}

/// Stretches of the buffer of slots.
type Ranges = Vec<Range<usize>>;

/// A stretch of one of the buffers.
type Piece = (Part, Range<usize>);

/// The arrays that an optimizer remembered, found among others.
#[derive(Debug)]
pub(in crate::optimizers) struct Found<'a, F> {
    moves: Vec<(Vec<Piece>, &'a [F])>,
    loss_scale: Option<&'a [F]>,
    loss: Option<&'a [F]>,
}

impl<F> Found<'_, F> {
    /// How many arrays they are.
    pub fn len(&self) -> usize {
        let single = [self.loss_scale, self.loss];
        self.moves.len() + single.iter().flatten().count()
    }
}

/// One of the buffers of an [`OptimizerState`].
#[derive(Debug, Clone, Copy)]
enum Part {
    Slots,
    Average,
    Accumulated,
}
