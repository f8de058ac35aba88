//! The one room that knows rayon.
