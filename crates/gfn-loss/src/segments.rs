//! Where each trajectory lies in the flat arrays of a batch.

use burn::tensor::{IndexingUpdateOp, Tensor};

use crate::host::indices;

/// The extent of every trajectory in arrays that hold them one after the other.
///
/// Entry `i` belongs to segment `b` where `offsets[b] <= i < offsets[b + 1]`. Segments may be empty.
///
/// # Examples
///
/// ```
/// use gfn_loss::Segments;
///
/// let segments = Segments::from_lengths(&[3, 2]);
/// assert_eq!(segments, Segments::new(vec![0, 3, 5]));
/// assert_eq!((segments.n_segments(), segments.n_entries()), (2, 5));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segments {
    offsets: Vec<usize>,
}

impl Segments {
    /// Segments from `B + 1` offsets: the start of each, then the number of entries.
    ///
    /// # Panics
    ///
    /// If `offsets` is empty, does not start with 0, or decreases.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(gfn_loss::Segments::new(vec![0, 3, 5]).length(1), 2);
    /// ```
    #[must_use]
    pub fn new(offsets: Vec<usize>) -> Self {
        assert_eq!(
            offsets.first(),
            Some(&0),
            "offsets must start with 0: {offsets:?}"
        );
        assert!(
            offsets.is_sorted(),
            "offsets must not decrease: {offsets:?}"
        );
        Self { offsets }
    }

    /// Segments of the given lengths, one after the other.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(gfn_loss::Segments::from_lengths(&[3, 2]).offsets(), [0, 3, 5]);
    /// ```
    #[must_use]
    pub fn from_lengths(lengths: &[usize]) -> Self {
        let mut offsets = Vec::with_capacity(lengths.len() + 1);
        offsets.push(0);
        let mut end = 0;
        for length in lengths {
            end += length;
            offsets.push(end);
        }
        Self { offsets }
    }

    /// The number of segments, `B`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(gfn_loss::Segments::from_lengths(&[3, 2]).n_segments(), 2);
    /// ```
    #[must_use]
    pub fn n_segments(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The number of entries of all segments together, `N`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(gfn_loss::Segments::from_lengths(&[3, 2]).n_entries(), 5);
    /// ```
    #[must_use]
    pub fn n_entries(&self) -> usize {
        self.offsets[self.n_segments()]
    }

    /// The start of each segment, then the number of entries: `B + 1` values.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(gfn_loss::Segments::from_lengths(&[3, 2]).offsets(), [0, 3, 5]);
    /// ```
    #[must_use]
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// The number of entries of segment `b`.
    ///
    /// # Panics
    ///
    /// If there is no segment `b`.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(gfn_loss::Segments::from_lengths(&[3, 2]).length(1), 2);
    /// ```
    #[must_use]
    pub fn length(&self, b: usize) -> usize {
        self.offsets[b + 1] - self.offsets[b]
    }

    /// The number of entries of the longest segment, 0 if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(gfn_loss::Segments::from_lengths(&[3, 2]).max_length(), 3);
    /// ```
    #[must_use]
    pub fn max_length(&self) -> usize {
        self.lengths().max().unwrap_or(0)
    }

    /// The sum of the entries of each segment; differentiable.
    ///
    /// `y_b = Σ_{i in segment b} values_i`; an empty segment has the sum 0.
    ///
    /// Entries are added in order, so that a backend gives the same sum every time. Segments of one
    /// common length are summed as the rows of a matrix, which parallel devices do much faster.
    ///
    /// # Shapes
    ///
    /// - `values`: `[N]`
    /// - output: `[B]`
    ///
    /// # Panics
    ///
    /// If `values` has not `N` entries.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gfn_loss::Segments;
    ///
    /// let values = Tensor::<1>::from_data([1.0, 2.0, 3.0, 10.0, 20.0], &Device::flex());
    /// let sums: Vec<f32> = Segments::from_lengths(&[3, 2]).sum(values).try_into_vec_as()?;
    /// assert_eq!(sums, [6.0, 30.0]);
    /// # Ok::<(), burn::tensor::TensorReadError>(())
    /// ```
    #[must_use]
    pub fn sum(&self, values: Tensor<1>) -> Tensor<1> {
        self.check_entries("values", &values);
        let n_segments = self.n_segments();
        let zeros = || Tensor::zeros([n_segments], (&values.device(), values.dtype()));
        match self.common_length() {
            Some(0) => zeros(),
            Some(1) => values,
            Some(length) => values
                .reshape([n_segments, length])
                .sum_dim(1)
                .reshape([n_segments]),
            None => {
                let owners = indices(self.owners(), &values);
                zeros().select_assign(0, owners, values, IndexingUpdateOp::Add)
            }
        }
    }

    /// The logarithm of the sum of the exponentials of each segment; differentiable.
    ///
    /// `y_b = log Σ_{i in segment b} exp(values_i)`
    ///
    /// Every segment is shifted by its largest entry, so that nothing overflows. A segment of one entry has this entry,
    /// to the last bit; a segment that is empty, or has entries `−∞` alone, has `−∞` and the gradient 0.
    ///
    /// # Shapes
    ///
    /// - `values`: `[N]`, each a number or `−∞`
    /// - output: `[B]`
    ///
    /// # Panics
    ///
    /// If `values` has not `N` entries.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use gfn_loss::Segments;
    ///
    /// let values = Tensor::<1>::from_data([1000.0, 1000.0, -3.0], &Device::flex());
    /// let logs = Segments::from_lengths(&[2, 1, 0]).log_sum_exp(values);
    /// let logs: Vec<f32> = logs.try_into_vec_as()?;
    /// assert_eq!(logs, [1000.0 + 2f32.ln(), -3.0, f32::NEG_INFINITY]);
    /// # Ok::<(), burn::tensor::TensorReadError>(())
    /// ```
    #[must_use]
    pub fn log_sum_exp(&self, values: Tensor<1>) -> Tensor<1> {
        self.check_entries("values", &values);
        if self.max_length() == 0 {
            let like = (&values.device(), values.dtype());
            return Tensor::full([self.n_segments()], f64::NEG_INFINITY, like);
        }
        log_sum_exp_of_rows(self.rows(values, f64::NEG_INFINITY))
    }

    /// `[B, T]` with the entries of each segment, then `fill`. There must be an entry.
    pub(crate) fn rows(&self, values: Tensor<1>, fill: f64) -> Tensor<2> {
        let shape = [self.n_segments(), self.max_length()];
        if self.common_length().is_some() {
            return values.reshape(shape);
        }
        let n_entries = self.n_entries();
        let rows = self.offsets.windows(2).flat_map(|ends| {
            let fill = std::iter::repeat(n_entries);
            (ends[0]..ends[1]).chain(fill).take(shape[1])
        });
        let cells = indices(rows, &values);
        let fill = Tensor::full([1], fill, (&values.device(), values.dtype()));
        Tensor::cat(vec![values, fill], 0)
            .select(0, cells)
            .reshape(shape)
    }

    /// As many segments, with one entry each.
    ///
    /// # Examples
    ///
    /// ```
    /// let segments = gfn_loss::Segments::from_lengths(&[3, 2]).of_one_each();
    /// assert_eq!(segments.offsets(), [0, 1, 2]);
    /// ```
    #[must_use]
    pub fn of_one_each(&self) -> Self {
        Self {
            offsets: (0..=self.n_segments()).collect(),
        }
    }

    /// The segments of the sub-trajectories of these trajectories: `n(n + 1)/2` of `n` transitions.
    ///
    /// # Examples
    ///
    /// ```
    /// let segments = gfn_loss::Segments::from_lengths(&[3, 2]).of_sub_trajectories();
    /// assert_eq!(segments.offsets(), [0, 6, 9]);
    /// ```
    #[must_use]
    pub fn of_sub_trajectories(&self) -> Self {
        let lengths: Vec<usize> = self.lengths().map(|n| n * (n + 1) / 2).collect();
        Self::from_lengths(&lengths)
    }

    /// The lengths in order.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = usize> + '_ {
        self.offsets.windows(2).map(|pair| pair[1] - pair[0])
    }

    /// The segment of each entry.
    pub(crate) fn owners(&self) -> impl Iterator<Item = usize> + '_ {
        let lengths = self.lengths().enumerate();
        lengths.flat_map(|(b, length)| std::iter::repeat_n(b, length))
    }

    /// The length of every segment, where there is one such length.
    pub(crate) fn common_length(&self) -> Option<usize> {
        let longest = self.max_length();
        (self.n_segments() * longest == self.n_entries()).then_some(longest)
    }

    /// The segments of the states that the transitions of these segments join: each one longer.
    pub(crate) fn of_states(&self) -> Self {
        let offsets = self.offsets.iter().enumerate();
        Self {
            offsets: offsets.map(|(b, offset)| offset + b).collect(),
        }
    }

    /// Panics unless `values` has one value per entry.
    pub(crate) fn check_entries(&self, name: &str, values: &Tensor<1>) {
        let [n] = values.dims();
        let expected = self.n_entries();
        assert_eq!(
            n, expected,
            "{name} has {n} entries, its segments {expected}"
        );
    }
}

/// `log Σ_j exp(x_ij)` of every row, `−∞` with the gradient 0 where the row holds nothing else.
pub(crate) fn log_sum_exp_of_rows(x: Tensor<2>) -> Tensor<1> {
    let [n_rows, _] = x.dims();
    // The shift is finite even there, for −∞ − (−∞) is no number; it has no influence and so no gradient.
    let shift = x.clone().detach().max_dim(1).clamp_min(f32::MIN);
    let sum = (x - shift.clone()).exp().sum_dim(1);
    let is_nothing = sum.clone().equal_scalar(0.0);
    let log_sum = sum.mask_fill(is_nothing.clone(), 1.0).log() + shift;
    log_sum
        .mask_fill(is_nothing, f64::NEG_INFINITY)
        .reshape([n_rows])
}
