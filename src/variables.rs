//! The weights of layers, in flat contiguous buffers that models share.
//!
//! Each built layer owns a [`Variables`]: the list of its weights and the place where their values lie. A place is a
//! range of a [`Store`]. Building a model [`unite`]s the stores of its layers into one flat buffer; a second model over
//! the same layers finds them united and shares the values. So there is one truth for each weight, and every model has its
//! weights in one contiguous buffer.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
};

use crate::arena::Arena;
use crate::error::{Error, Result};
use crate::param::{ParamSpec, Role};
use crate::real::Real;
use crate::shape::{Shape, checked_elements};

/// Weights start on a cache line, layer by layer.
const ALIGNMENT: usize = crate::arena::ALIGNMENT / 4;

/// One flat buffer of weights.
#[derive(Debug)]
pub struct Store<F> {
    values: RwLock<Arena<F>>,
    members: Mutex<Vec<Weak<Variables<F>>>>,
}

impl<F: Real> Store<F> {
    /// The values, to read.
    pub fn read(&self) -> RwLockReadGuard<'_, Arena<F>> {
        self.values.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The values, to change.
    pub fn write(&self) -> RwLockWriteGuard<'_, Arena<F>> {
        self.values.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Place<F> {
    store: Arc<Store<F>>,
    offset: usize,
}

impl<F> Clone for Place<F> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            offset: self.offset,
        }
    }
}

/// The weights of one layer.
#[derive(Debug)]
pub struct Variables<F> {
    specs: Vec<ParamSpec>,
    offsets: Vec<usize>,
    len: usize,
    place: RwLock<Place<F>>,
}

/// Moving weights from store to store is rare and touches several locks: one at a time.
static UNITING: Mutex<()> = Mutex::new(());

impl<F: Real> Variables<F> {
    /// Weights with these specifications, initialised from `seed`.
    pub fn new(specs: Vec<ParamSpec>, seed: u64) -> Result<Arc<Self>> {
        let mut offsets = Vec::with_capacity(specs.len());
        let mut len = 0usize;
        for spec in &specs {
            offsets.push(len);
            len = len
                .checked_add(checked_elements(&spec.shape)?)
                .ok_or_else(|| too_large(spec))?;
        }
        checked_elements(&[len])?;
        let mut values = Arena::new(len)?;
        for (i, (spec, &offset)) in specs.iter().zip(&offsets).enumerate() {
            let values = &mut values.values_mut()[offset..offset + spec.len()];
            let seed = seed.wrapping_add((i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            spec.initializer
                .fill(&spec.shape, values, seed)
                .map_err(|e| e.at(format!("weight \"{}\"", spec.name)))?;
        }
        let store = Arc::new(Store {
            values: RwLock::new(values),
            members: Mutex::new(Vec::new()),
        });
        let place = RwLock::new(Place {
            store: Arc::clone(&store),
            offset: 0,
        });
        let variables = Arc::new(Self {
            specs,
            offsets,
            len,
            place,
        });
        lock(&store.members).push(Arc::downgrade(&variables));
        Ok(variables)
    }

    /// What the weights are.
    pub fn specs(&self) -> &[ParamSpec] {
        &self.specs
    }

    /// The start of each weight, relative to the first.
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// Whether the weights lie at `offset` of `store`.
    pub fn is_at(&self, store: &Arc<Store<F>>, offset: usize) -> bool {
        let place = self.place.read().unwrap_or_else(PoisonError::into_inner);
        Arc::ptr_eq(&place.store, store) && place.offset == offset
    }

    fn place(&self) -> Place<F> {
        self.place
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A copy of weight `index`.
    pub fn get(&self, index: usize) -> Result<Vec<F>> {
        let spec = self.spec(index)?;
        loop {
            let place = self.place();
            let values = place.store.read();
            // While we waited for the lock the weights may have moved to another store.
            if Arc::ptr_eq(&self.place().store, &place.store) {
                let start = place.offset + self.offsets[index];
                return Ok(values.values()[start..start + spec.len()].to_vec());
            }
        }
    }

    /// Sets weight `index` to `values` of shape `shape`.
    pub fn set(&self, index: usize, shape: &[usize], values: &[F]) -> Result<()> {
        let spec = self.spec(index)?;
        if shape != spec.shape || values.len() != spec.len() {
            return Err(Error::param(
                format!(
                    "weight \"{}\" of shape {}",
                    spec.name,
                    Shape::known(&spec.shape)
                ),
                format!("an array of shape {}", Shape::known(shape)),
            ));
        }
        loop {
            let place = self.place();
            let mut stored = place.store.write();
            if Arc::ptr_eq(&self.place().store, &place.store) {
                let start = place.offset + self.offsets[index];
                stored.values_mut()[start..start + spec.len()].copy_from_slice(values);
                return Ok(());
            }
        }
    }

    /// Sets the weights of role `State` to zero: the states of stateful layers.
    pub fn clear_states(&self) -> Result<()> {
        for (i, spec) in self
            .specs
            .iter()
            .enumerate()
            .filter(|(_, spec)| spec.role == Role::State)
        {
            self.set(i, &spec.shape, &vec![F::ZERO; spec.len()])?;
        }
        Ok(())
    }

    fn spec(&self, index: usize) -> Result<&ParamSpec> {
        self.specs.get(index).ok_or_else(|| {
            Error::param(
                format!("the index of one of {} weights", self.specs.len()),
                format!("index {index}"),
            )
        })
    }
}

fn too_large(spec: &ParamSpec) -> Error {
    Error::shape(
        "weights that fit into memory",
        format!(
            "weight \"{}\" of shape {}",
            spec.name,
            Shape::known(&spec.shape)
        ),
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One store that holds all of `layers`, and where each starts in it. Weights move into a new store unless they share one already;
/// others that shared a store with them move along.
pub fn unite<F: Real>(layers: &[Arc<Variables<F>>]) -> Result<(Arc<Store<F>>, Vec<usize>)> {
    let _one_at_a_time = lock(&UNITING);
    let places: Vec<Place<F>> = layers.iter().map(|layer| layer.place()).collect();
    let Some(first) = places.first() else {
        let empty = Store {
            values: RwLock::new(Arena::new(0)?),
            members: Mutex::new(Vec::new()),
        };
        return Ok((Arc::new(empty), Vec::new()));
    };
    if places
        .iter()
        .all(|place| Arc::ptr_eq(&place.store, &first.store))
    {
        return Ok((
            Arc::clone(&first.store),
            places.iter().map(|place| place.offset).collect(),
        ));
    }

    let mut moving: Vec<Arc<Variables<F>>> = Vec::new();
    let mut add = |layer: Arc<Variables<F>>| {
        if !moving.iter().any(|known| Arc::ptr_eq(known, &layer)) {
            moving.push(layer);
        }
    };
    layers.iter().cloned().for_each(&mut add);
    for place in &places {
        let members: Vec<_> = lock(&place.store.members)
            .iter()
            .filter_map(Weak::upgrade)
            .collect();
        members.into_iter().for_each(&mut add);
    }

    let mut starts = Vec::with_capacity(moving.len());
    let mut len = 0usize;
    for layer in &moving {
        starts.push(len);
        len = len
            .checked_add(layer.len.next_multiple_of(ALIGNMENT))
            .ok_or_else(|| {
                Error::shape(
                    "weights that fit into memory",
                    "more weights than can be counted",
                )
            })?;
    }
    let store = Arc::new(Store {
        values: RwLock::new(Arena::new(len)?),
        members: Mutex::new(moving.iter().map(Arc::downgrade).collect()),
    });
    {
        let mut values = store.write();
        for (layer, &start) in moving.iter().zip(&starts) {
            let old = layer.place();
            let old_values = old.store.write();
            values.values_mut()[start..start + layer.len]
                .copy_from_slice(&old_values.values()[old.offset..old.offset + layer.len]);
            // Under the old store's lock, so that whoever waits for it sees the new place.
            *layer.place.write().unwrap_or_else(PoisonError::into_inner) = Place {
                store: Arc::clone(&store),
                offset: start,
            };
        }
    }
    let offsets = layers.iter().map(|layer| layer.place().offset).collect();
    Ok((store, offsets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::init::Initializer;

    fn layer(name: &str, value: f32, len: usize) -> Arc<Variables<f32>> {
        let spec = ParamSpec::trainable(name, &[len], &Initializer::zeros());
        let layer = Variables::new(vec![spec], 0).unwrap();
        layer.set(0, &[len], &vec![value; len]).unwrap();
        layer
    }

    #[test]
    fn united_layers_share_one_buffer_and_keep_their_values() {
        let (a, b, c) = (layer("a", 1.0, 3), layer("b", 2.0, 5), layer("c", 3.0, 2));
        let (first, offsets) = unite(&[Arc::clone(&a), Arc::clone(&b)]).unwrap();
        assert_eq!(offsets, [0, 16]);
        let (again, _) = unite(&[Arc::clone(&b), Arc::clone(&a)]).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let (second, offsets) = unite(&[Arc::clone(&b), Arc::clone(&c)]).unwrap();
        assert!(!Arc::ptr_eq(&first, &second));
        assert_eq!(offsets, [0, 16]);
        assert_eq!(
            (a.get(0).unwrap(), b.get(0).unwrap(), c.get(0).unwrap()),
            (vec![1.0; 3], vec![2.0; 5], vec![3.0; 2])
        );
        let (third, _) = unite(&[a, b, c]).unwrap();
        assert!(Arc::ptr_eq(&second, &third), "a moved along with b");
    }

    #[test]
    fn a_weight_of_the_wrong_shape_is_named() {
        let error = layer("kernel", 0.0, 3).set(0, &[4], &[0.0; 4]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected weight \"kernel\" of shape (3,), got an array of shape (4,)"
        );
    }
}
