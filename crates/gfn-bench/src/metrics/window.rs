//! Distances of the histogram of the most recent training samples, beside the floor that sampling alone leaves.

use super::distance::{Distances, SamplingFloor, frequencies};
use super::{Figures, push};
use std::collections::VecDeque;

/// The last `capacity` objects, by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    capacity: usize,
    objects: VecDeque<u32>,
    counts: Vec<u64>,
}

impl Window {
    /// An empty window over `n_objects` objects.
    pub fn new(capacity: usize, n_objects: usize) -> Self {
        Self {
            capacity,
            objects: VecDeque::new(),
            counts: vec![0; n_objects],
        }
    }

    /// Adds an object and forgets the oldest where the window is full.
    ///
    /// # Panics
    ///
    /// If `object` is not one of the `n_objects`.
    pub fn push(&mut self, object: u32) {
        if self.capacity == 0 {
            return;
        }
        if self.objects.len() == self.capacity
            && let Some(oldest) = self.objects.pop_front()
        {
            self.counts[oldest as usize] -= 1;
        }
        self.objects.push_back(object);
        self.counts[object as usize] += 1;
    }

    /// `window.tv`, `window.l1_sum`, `window.jsd` against `target`, `window.samples`, and the expected distance of as
    /// many perfect samples: `window.tv_floor`, `window.l1_sum_floor`.
    ///
    /// Training samples hold the exploration that the experiment asks for.
    pub fn figures(&self, target: &[f64]) -> Figures {
        let mut figures = Figures::new();
        if self.objects.is_empty() {
            return figures;
        }
        let distances = Distances::between(&frequencies(&self.counts), target);
        let floor = SamplingFloor::of(target, self.objects.len() as u64);
        push(&mut figures, "window.samples", self.objects.len() as f64);
        push(&mut figures, "window.tv", distances.total_variation);
        push(&mut figures, "window.tv_floor", floor.total_variation);
        push(&mut figures, "window.l1_sum", distances.l1_sum);
        push(&mut figures, "window.l1_sum_floor", floor.l1_sum);
        push(&mut figures, "window.jsd", distances.jensen_shannon);
        figures
    }

    /// Text form for checkpoints: eight hexadecimal digits for each object, oldest first.
    pub fn to_text(&self) -> String {
        self.objects
            .iter()
            .map(|object| format!("{object:08x}"))
            .collect()
    }

    /// Fills an empty window from [`Window::to_text`]; `None` where the text does not fit.
    pub fn with_text(mut self, text: &str) -> Option<Self> {
        for digits in text.as_bytes().chunks(8) {
            let object = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
            if object as usize >= self.counts.len() {
                return None;
            }
            self.push(object);
        }
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_the_oldest() {
        let mut window = Window::new(3, 2);
        for object in [0, 0, 0, 1, 1] {
            window.push(object);
        }
        // Left: 0, 1, 1 against the target (1/2, 1/2): TV = 1/2 (|1/3 - 1/2| + |2/3 - 1/2|) = 1/6.
        let figures = window.figures(&[0.5, 0.5]);
        let tv = figures
            .iter()
            .find(|(name, _)| name == "window.tv")
            .unwrap()
            .1;
        assert!((tv - 1.0 / 6.0).abs() < 1e-12);
        assert_eq!(Window::new(3, 2).with_text(&window.to_text()), Some(window));
        assert_eq!(Window::new(3, 2).with_text("00000002"), None);
    }
}
