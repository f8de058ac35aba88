//! Equations such as `"abc,cd->abd"` or `"...x,xy->...y"`.

use std::fmt;

use serde::{Deserialize, Deserializer};

use crate::kernels::contract::MAX_AXES;

/// Where three dots stand for any number of axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dots {
    None,
    Left,
    Right,
}

/// The names of the axes of input, kernel and output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equation {
    pub input: String,
    pub kernel: String,
    pub output: String,
    dots: Dots,
}

/// The names of the axes of an array with all its axes.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    names: [u8; MAX_AXES],
    len: usize,
}

impl Names {
    pub fn as_slice(&self) -> &[u8] {
        &self.names[..self.len]
    }
}

/// What the first axis behind the dots is called; no letter.
const FIRST_DOT: u8 = 128;

impl Equation {
    fn parse(text: &str) -> Option<Self> {
        let (inputs, output) = text.split_once("->")?;
        let (input, kernel) = inputs.split_once(',')?;
        let (dots, input, output) = if let (Some(input), Some(output)) =
            (input.strip_prefix("..."), output.strip_prefix("..."))
        {
            (Dots::Left, input, output)
        } else if let (Some(input), Some(output)) =
            (input.strip_suffix("..."), output.strip_suffix("..."))
        {
            (Dots::Right, input, output)
        } else {
            (Dots::None, input, output)
        };
        let is_spec = |spec: &str| {
            let letters = spec.bytes().all(|letter| letter.is_ascii_alphabetic());
            let once = spec
                .bytes()
                .enumerate()
                .all(|(i, letter)| !spec.as_bytes()[..i].contains(&letter));
            letters && once && !spec.is_empty() && spec.len() <= MAX_AXES
        };
        let known = |letter: char, others: [&str; 2]| others.iter().any(|o| o.contains(letter));
        let fits = [input, kernel, output].into_iter().all(is_spec)
            && output.chars().all(|letter| known(letter, [input, kernel]))
            && kernel.chars().all(|letter| known(letter, [input, output]));
        fits.then(|| Self {
            input: input.to_owned(),
            kernel: kernel.to_owned(),
            output: output.to_owned(),
            dots,
        })
    }

    /// How many axes of an input of this rank the dots stand for; `None` if the rank does not fit.
    pub fn elided(&self, rank: usize) -> Option<usize> {
        let elided = rank.checked_sub(self.input.len())?;
        let fits = match self.dots {
            Dots::None => elided == 0,
            Dots::Left => elided > 0,
            Dots::Right => true,
        };
        (fits && rank <= MAX_AXES && self.output.len() + elided <= MAX_AXES).then_some(elided)
    }

    /// How many axes stand in front of those the output's letters name.
    pub fn in_front(&self, elided: usize) -> usize {
        if self.dots == Dots::Left { elided } else { 0 }
    }

    /// The names of all axes of the input or output.
    pub fn names(&self, spec: &str, elided: usize) -> Names {
        let mut names = Names {
            names: [0; MAX_AXES],
            len: spec.len() + elided,
        };
        let front = self.in_front(elided);
        let dots = (0..elided).map(|i| FIRST_DOT + i as u8);
        let all = dots
            .clone()
            .take(front)
            .chain(spec.bytes())
            .chain(dots.skip(front));
        names
            .names
            .iter_mut()
            .zip(all)
            .for_each(|(to, name)| *to = name);
        names
    }
}

impl fmt::Display for Equation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [left, right] = match self.dots {
            Dots::None => ["", ""],
            Dots::Left => ["...", ""],
            Dots::Right => ["", "..."],
        };
        let Self {
            input,
            kernel,
            output,
            ..
        } = self;
        write!(f, "{left}{input}{right},{kernel}->{left}{output}{right}")
    }
}

impl<'de> Deserialize<'de> for Equation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "expected an equation such as \"abc,cd->abd\", \"...x,xy->...y\" or \"ab...,bc->ac...\", in which every \
                 letter of the output and of the kernel stands in another part and none stands twice in one, got {text:?}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_stand_for_axes_on_either_side() {
        let left = Equation::parse("...x,xy->...y").unwrap();
        assert_eq!(left.elided(3), Some(2));
        assert_eq!(left.names(&left.output, 2).as_slice(), [128, 129, b'y']);
        let right = Equation::parse("ab...,bc->ac...").unwrap();
        assert_eq!(right.names(&right.input, 1).as_slice(), [b'a', b'b', 128]);
        assert_eq!(right.to_string(), "ab...,bc->ac...");
    }

    #[test]
    fn equations_that_mean_nothing_are_refused() {
        for text in [
            "ab,bc",
            "ab->ab",
            "ab,bc->ad",
            "ab,bz->a",
            "aa,ab->b",
            "a1,ab->b",
            "...ab,bc->ac",
        ] {
            assert_eq!(Equation::parse(text), None, "{text}");
        }
    }
}
