//! What a layer says about its weights: name, shape, start value, role, and what is done to them in training.

use crate::constraint::Constraint;
use crate::init::Initializer;
use crate::regularizer::Regularizer;

/// What a weight is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Learned by gradient descent.
    Trainable,
    /// Kept by the layer itself: moving statistics, the state of a stateful recurrent layer.
    State,
}

/// One weight of a layer.
#[derive(Debug, Clone)]
pub struct ParamSpec {
    /// Keras's name of the weight: `kernel`, `bias`, `gamma`.
    pub name: String,
    /// Its sizes.
    pub shape: Vec<usize>,
    /// How it starts.
    pub initializer: Initializer,
    /// What it is for.
    pub role: Role,
    /// A penalty on its values, added to the loss.
    pub regularizer: Option<Regularizer>,
    /// A set its values are projected to after each update.
    pub constraint: Option<Constraint>,
}

impl ParamSpec {
    /// A learned weight without regularizer or constraint.
    pub fn trainable(name: impl Into<String>, shape: &[usize], initializer: &Initializer) -> Self {
        Self {
            name: name.into(),
            shape: shape.to_vec(),
            initializer: initializer.clone(),
            role: Role::Trainable,
            regularizer: None,
            constraint: None,
        }
    }

    /// A weight the layer itself keeps.
    pub fn state(name: impl Into<String>, shape: &[usize], initializer: &Initializer) -> Self {
        Self {
            role: Role::State,
            ..Self::trainable(name, shape, initializer)
        }
    }

    /// The same weight with a penalty.
    #[must_use]
    pub fn regularized(mut self, regularizer: &Option<Regularizer>) -> Self {
        self.regularizer = regularizer.clone();
        self
    }

    /// The same weight with a constraint.
    #[must_use]
    pub fn constrained(mut self, constraint: &Option<Constraint>) -> Self {
        self.constraint = constraint.clone();
        self
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
