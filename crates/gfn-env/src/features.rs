//! Encoded states: [`Features`], rows in compressed sparse row (CSR) form.
//!
//! A sparse row is how every state is encoded. A one-hot environment writes the few ones of a row; an environment
//! with dense features writes all of them. Networks use the sparsity (a row of ones selects rows of the first weight
//! matrix) or ask for [`Features::to_dense`].

/// Rows of features, `n_rows` by `width`, in CSR form.
///
/// Row `i` has the entries `offsets[i]..offsets[i + 1]` of `indices` and `values`. Entries keep the order in which
/// they were written; two entries of one row at the same index add up.
///
/// # Examples
///
/// ```
/// use gfn_env::Features;
///
/// let mut features = Features::new(4);
/// features.push_row().one(2);
/// let mut row = features.push_row();
/// row.one(0);
/// row.set(3, 0.5);
/// assert_eq!(features.n_rows(), 2);
/// assert_eq!(features.row(1), (&[0, 3][..], &[1.0, 0.5][..]));
/// assert_eq!(features.to_dense(), [0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.5]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    width: usize,
    offsets: Vec<u32>,
    indices: Vec<u32>,
    values: Vec<f32>,
}

impl Features {
    /// No rows yet, each to come of `width` features.
    pub fn new(width: usize) -> Self {
        Self {
            width,
            offsets: vec![0],
            indices: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Removes all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.offsets.truncate(1);
        self.indices.clear();
        self.values.clear();
    }

    /// Number of features of a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows, the one being written included.
    pub fn n_rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Indices and values of row `i`.
    ///
    /// # Panics
    ///
    /// If `i >= n_rows`.
    pub fn row(&self, i: usize) -> (&[u32], &[f32]) {
        let range = self.offsets[i] as usize..self.offsets[i + 1] as usize;
        (&self.indices[range.clone()], &self.values[range])
    }

    /// Starts a new row. It is complete when the writer is dropped; a row nobody writes to is a row of zeros.
    ///
    /// # Panics
    ///
    /// If the rows together have more than `u32::MAX` entries.
    pub fn push_row(&mut self) -> FeatureRow<'_> {
        let end = u32::try_from(self.indices.len());
        assert!(end.is_ok(), "feature rows have more than u32::MAX entries");
        self.offsets.push(end.unwrap_or(u32::MAX));
        FeatureRow { features: self }
    }

    /// Appends the rows of another, of the same width.
    ///
    /// # Panics
    ///
    /// If the widths differ, or all rows together hold more than `u32::MAX` entries.
    pub fn append(&mut self, other: &Self) {
        assert_eq!(self.width, other.width, "rows have one width");
        let end = self.indices.len() + other.indices.len();
        assert!(
            u32::try_from(end).is_ok(),
            "feature rows have more than u32::MAX entries"
        );
        let start = self.offsets[self.n_rows()];
        self.offsets
            .extend(other.offsets[1..].iter().map(|offset| start + offset));
        self.indices.extend_from_slice(&other.indices);
        self.values.extend_from_slice(&other.values);
    }

    /// All rows as one dense row-major matrix, `[n_rows, width]`.
    pub fn to_dense(&self) -> Vec<f32> {
        let mut dense = vec![0.0; self.n_rows() * self.width];
        for i in 0..self.n_rows() {
            let (indices, values) = self.row(i);
            for (&j, &v) in indices.iter().zip(values) {
                dense[i * self.width + j as usize] += v;
            }
        }
        dense
    }

    /// Where each row starts, and at the end the number of entries: `n_rows + 1` numbers.
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// Feature index of each entry.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// Value of each entry.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Entries of the longest row, 0 where there is none.
    pub fn max_row_len(&self) -> usize {
        self.offsets
            .windows(2)
            .map(|w| (w[1] - w[0]) as usize)
            .max()
            .unwrap_or(0)
    }
}

/// Writes the last row of a [`Features`]; made by [`Features::push_row`].
///
/// Writing allocates nothing beyond the amortised growth of the underlying vectors.
#[derive(Debug)]
pub struct FeatureRow<'a> {
    features: &'a mut Features,
}

impl FeatureRow<'_> {
    /// Sets feature `index` to 1.
    ///
    /// # Panics
    ///
    /// If `index >= width`.
    pub fn one(&mut self, index: usize) {
        self.set(index, 1.0);
    }

    /// Sets feature `index` to `value`.
    ///
    /// # Panics
    ///
    /// If `index >= width`.
    pub fn set(&mut self, index: usize, value: f32) {
        let Features {
            width,
            offsets,
            indices,
            values,
        } = &mut *self.features;
        assert!(
            index < *width,
            "feature {index} is outside a row of {width} features"
        );
        indices.push(index as u32);
        values.push(value);
        // The end of the row moves with each entry, so that a row is complete at every moment.
        let last = offsets.len() - 1;
        offsets[last] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_kept_apart_and_empty_rows_are_zero() {
        let mut features = Features::new(3);
        features.push_row().one(1);
        features.push_row();
        let mut row = features.push_row();
        row.set(2, -2.0);
        row.one(0);
        assert_eq!(features.n_rows(), 3);
        assert_eq!(features.offsets(), [0, 1, 1, 3]);
        assert_eq!(features.indices(), [1, 2, 0]);
        assert_eq!(features.values(), [1.0, -2.0, 1.0]);
        assert_eq!(features.row(1), (&[][..], &[][..]));
        assert_eq!(features.max_row_len(), 2);
        assert_eq!(
            features.to_dense(),
            [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, -2.0]
        );
        features.clear();
        assert_eq!(features, Features::new(3));
        assert_eq!(features.max_row_len(), 0);
    }

    #[test]
    #[should_panic(expected = "feature 3 is outside a row of 3 features")]
    fn an_index_outside_the_row_panics() {
        Features::new(3).push_row().one(3);
    }
}
