//! The weights of one graph in their store: where each lies, which learn, and the changes a step makes to states.

use std::sync::Arc;

use crate::arena::{Arena, Block};
use crate::error::Result;
use crate::graph::Graph;
use crate::param::Role;
use crate::plan::WeightPlaces;
use crate::real::Real;
use crate::variables::{Store, Variables, unite};

/// Gradients and states start on multiples of so many elements.
const GRAIN: usize = crate::arena::ALIGNMENT / 4;

/// The weights of a graph, found in one store.
#[derive(Debug)]
pub struct Placed<F> {
    /// The store.
    pub store: Arc<Store<F>>,
    /// Where each weight, gradient and state lies.
    pub places: WeightPlaces,
    /// Which layers learn.
    pub trainable: Vec<bool>,
    /// Length of the gradients.
    pub grads_len: usize,
    /// Length of the states.
    pub states_len: usize,
    offsets: Vec<usize>,
}

impl<F: Real> Placed<F> {
    /// Brings the weights of the graph's layers into one store and notes where they are.
    pub fn new(graph: &Graph<F>) -> Result<Self> {
        let variables: Vec<_> = variables_of(graph).cloned().collect();
        let (store, offsets) = unite(&variables)?;
        let trainable: Vec<bool> = graph
            .layers()
            .iter()
            .map(|layer| layer.trainable())
            .collect();
        let mut placed = Self {
            store,
            places: WeightPlaces::default(),
            trainable,
            grads_len: 0,
            states_len: 0,
            offsets,
        };
        let mut offsets = placed.offsets.iter();
        for (layer, &learns) in graph.layers().iter().zip(&placed.trainable) {
            let (mut values, mut grads, mut states) = (Vec::new(), Vec::new(), Vec::new());
            if let (Some(variables), Some(&start)) = (layer.variables(), offsets.next()) {
                for (spec, &offset) in variables.specs().iter().zip(variables.offsets()) {
                    values.push((start + offset, spec.len()));
                    let block = |len: &mut usize| {
                        let block = Block {
                            offset: *len,
                            len: spec.len(),
                        };
                        *len += spec.len();
                        block
                    };
                    let learned = learns && spec.role == Role::Trainable;
                    grads.push(learned.then(|| block(&mut placed.grads_len)));
                    states.push((spec.role == Role::State).then(|| block(&mut placed.states_len)));
                }
            }
            placed.grads_len = placed.grads_len.next_multiple_of(GRAIN);
            placed.states_len = placed.states_len.next_multiple_of(GRAIN);
            placed.places.values.push(values);
            placed.places.grads.push(grads);
            placed.places.states.push(states);
        }
        Ok(placed)
    }

    /// Whether the weights are still where they were, and the same layers learn.
    pub fn is_current(&self, graph: &Graph<F>) -> bool {
        let mut learning = graph.layers().iter().zip(&self.trainable);
        self.is_there(graph)
            && learning
                .all(|(layer, &learns)| layer.variables().is_none() || layer.trainable() == learns)
    }

    /// Whether the weights are still where they were. While the store is locked they stay there.
    pub fn is_there(&self, graph: &Graph<F>) -> bool {
        let mut held = variables_of(graph).zip(&self.offsets);
        held.all(|(variables, &offset)| variables.is_at(&self.store, offset))
    }

    /// Finds the weights where they are now. Gradients and states stay, so that plans remain valid.
    pub fn follow(&mut self, graph: &Graph<F>) -> Result<()> {
        let variables: Vec<_> = variables_of(graph).cloned().collect();
        (self.store, self.offsets) = unite(&variables)?;
        let layers = graph.layers().iter().zip(&mut self.places.values);
        let with_weights = layers.filter_map(|(layer, values)| Some((layer.variables()?, values)));
        for ((variables, values), &start) in with_weights.zip(&self.offsets) {
            for ((place, _), &offset) in values.iter_mut().zip(variables.offsets()) {
                *place = start + offset;
            }
        }
        Ok(())
    }

    /// Copies the weights of role `State` to where a step may change them.
    pub fn load_states(&self, weights: &[F], states: &mut Arena<F>) {
        for (&(offset, len), block) in self.states() {
            states.values_mut()[block.offset..][..len].copy_from_slice(&weights[offset..][..len]);
        }
    }

    /// Makes a step's changes to the states last.
    pub fn store_states(&self, weights: &mut [F], states: &Arena<F>) {
        for (&(offset, len), block) in self.states() {
            weights[offset..][..len].copy_from_slice(&states.values()[block.offset..][..len]);
        }
    }

    fn states(&self) -> impl Iterator<Item = (&(usize, usize), Block)> {
        let values = self.places.values.iter().flatten();
        values
            .zip(self.places.states.iter().flatten())
            .filter_map(|(value, &state)| state.map(|block| (value, block)))
    }
}

fn variables_of<F: Real>(graph: &Graph<F>) -> impl Iterator<Item = &Arc<Variables<F>>> {
    graph.layers().iter().filter_map(|layer| layer.variables())
}
