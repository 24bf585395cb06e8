//! The choice of actions in tensor operations, on the device that made the logits.

use crate::{FORBIDDEN, RowsToSample};
use burn::tensor::{Bool, Int, Tensor, TensorData};
use gfn_env::Action;
use gfn_loss::transfers::{read_back, upload};

/// Entries whose running sums are made at once: a device makes each from the start.
const PIECE: usize = 64;

/// An action of each row, by the inverse of its running sums at its uniform number; `None` where the row's logits are not
/// finite. Logits are `[R, A]`.
///
/// The first action at which the running sum exceeds `u` times the total; actions of probability zero are passed over.
/// Rounding can leave no such action: then the last that is possible. Every row has to have an allowed action.
pub(crate) fn choose(logits: Tensor<2>, rows: &RowsToSample) -> Vec<Option<Action>> {
    let [_, n_actions] = logits.dims();
    let device = logits.device();
    let keys = keys(logits, rows);
    let data = read_back(&device, || keys.into_data());
    let n = n_actions as i64;
    data.iter::<i64>()
        .map(|key| match key {
            key if key < 0 || key >= 2 * n => None,
            key if key < n => Some(Action(key as u32)),
            key => Some(Action((2 * n - 1 - key) as u32)),
        })
        .collect()
}

/// One number for each row, `[R, 1]`, the smallest of its actions': `a` where the running sum has reached the action `a`,
/// `2A − 1 − a` where it has not and the action is possible, `3A` where it is not, −1 where a logit is not finite.
fn keys(logits: Tensor<2>, rows: &RowsToSample) -> Tensor<2, Int> {
    let [n_rows, n_actions] = logits.dims();
    let device = logits.device();
    let finite = logits.clone().is_finite();
    let numbers = numbers(rows, &logits);
    let p = probabilities(logits, rows, &numbers);
    let sums = running_sums(p.clone());
    let total = sums.clone().narrow(1, n_actions - 1, 1);
    let possible = p.greater_elem(0.0);
    let reached = sums
        .greater(total * numbers.narrow(1, 0, 1))
        .bool_and(possible.clone());
    let n = n_actions as i64;
    let ascending = Tensor::<1, Int>::arange(0..n, &device)
        .reshape([1, n_actions])
        .expand([n_rows, n_actions]);
    let descending = ascending.clone().neg().add_scalar(2 * n - 1);
    descending
        .mask_fill(possible.bool_not(), 3 * n)
        .mask_where(reached, ascending)
        .mask_fill(finite.bool_not(), -1)
        .min_dim(1)
}

/// Uniform number, inverse temperature and epsilon of each row, `[R, 3]`.
fn numbers(rows: &RowsToSample, like: &Tensor<2>) -> Tensor<2> {
    let device = like.device();
    let values: Vec<f32> = rows
        .uniform
        .iter()
        .zip(&rows.mixtures)
        .flat_map(|(&u, mixture)| [u as f32, mixture.inverse_temperature, mixture.epsilon])
        .collect();
    let data = TensorData::new(values, [rows.mixtures.len(), 3]);
    upload(data, &device, |data| {
        Tensor::from_data(data, (&device, like.dtype()))
    })
}

/// Positive multiples of the probabilities of each row's mixture, `[R, A]`; exact zeros for forbidden actions.
fn probabilities(logits: Tensor<2>, rows: &RowsToSample, numbers: &Tensor<2>) -> Tensor<2> {
    let [n_rows, n_actions] = logits.dims();
    let device = logits.device();
    let excluded = TensorData::new(excluded(rows, n_actions), [n_rows, n_actions]);
    let excluded: Tensor<2, Bool> =
        upload(excluded, &device, |data| Tensor::from_data(data, &device));
    let mut scaled = logits;
    if rows.mixtures.iter().any(|m| m.inverse_temperature != 1.0) {
        scaled = scaled * numbers.clone().narrow(1, 1, 1);
    }
    let scaled = scaled.mask_fill(excluded.clone(), FORBIDDEN);
    let max = scaled.clone().max_dim(1);
    let weights = (scaled - max).exp().mask_fill(excluded.clone(), 0.0);
    if rows.mixtures.iter().all(|m| m.epsilon == 0.0) {
        return weights;
    }
    let uniform = match rows.mixtures.first().and_then(|m| m.fixed_action) {
        Some(fixed) => {
            let row = (0..n_actions).map(|i| f32::from(u8::from(i == fixed)));
            let row = TensorData::new(row.collect::<Vec<_>>(), [1, n_actions]);
            Tensor::from_data(row, (&device, weights.dtype()))
        }
        None => {
            let allowed = excluded.bool_not().float().cast(weights.dtype());
            let number = allowed.clone().sum_dim(1);
            allowed / number
        }
    };
    let epsilon = numbers.clone().narrow(1, 2, 1);
    let keep = epsilon.clone().neg().add_scalar(1.0) / weights.clone().sum_dim(1);
    weights * keep + uniform * epsilon
}

/// The actions that the softmax of each row does not cover, row after row.
fn excluded(rows: &RowsToSample, n_actions: usize) -> Vec<bool> {
    let allowed = rows.allowed.chunks_exact(n_actions);
    let rows = allowed.zip(&rows.mixtures);
    rows.flat_map(|(allowed, mixture)| {
        (0..n_actions).map(move |action| !mixture.covers(allowed, action))
    })
    .collect()
}

/// Running sums along the rows. None is smaller than the one before it.
fn running_sums(p: Tensor<2>) -> Tensor<2> {
    let [n_rows, n_actions] = p.dims();
    if n_actions <= PIECE {
        return p.cumsum(1);
    }
    let n_pieces = n_actions.div_ceil(PIECE);
    let padding = n_pieces * PIECE - n_actions;
    let device = p.device();
    let zeros = |columns: usize| Tensor::<2>::zeros([n_rows, columns], (&device, p.dtype()));
    let whole = if padding > 0 {
        Tensor::cat(vec![p.clone(), zeros(padding)], 1)
    } else {
        p.clone()
    };
    let within = whole.reshape([n_rows, n_pieces, PIECE]).cumsum(2);
    let sums = within.clone().narrow(2, PIECE - 1, 1);
    let sums = sums.reshape([n_rows, n_pieces]).cumsum(1);
    // The sum before a piece is the last running sum of the one before it, to the last bit.
    let before = Tensor::cat(vec![zeros(1), sums.narrow(1, 0, n_pieces - 1)], 1);
    (within + before.reshape([n_rows, n_pieces, 1]))
        .reshape([n_rows, n_pieces * PIECE])
        .narrow(1, 0, n_actions)
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::{SoftmaxMixture, sample_index};
    use burn::tensor::Device;
    use gfn_env::rand::RngExt as _;
    use gfn_env::{Features, Purpose, Streams};

    fn rows(allowed: &[bool], uniform: &[f64], mixture: SoftmaxMixture) -> RowsToSample {
        RowsToSample {
            features: Features::new(1),
            allowed: allowed.to_vec(),
            uniform: uniform.to_vec(),
            mixtures: vec![mixture; uniform.len()],
        }
    }

    fn choices(logits: &[f32], rows: &RowsToSample) -> Vec<Option<u32>> {
        let n = rows.uniform.len();
        let data = TensorData::new(logits.to_vec(), [n, logits.len() / n]);
        let logits = Tensor::<2>::from_data(data, &Device::flex());
        let chosen = choose(logits, rows);
        chosen.into_iter().map(|a| a.map(|a| a.0)).collect()
    }

    fn mixtures() -> [SoftmaxMixture; 4] {
        let policy = SoftmaxMixture::policy();
        let warm = SoftmaxMixture {
            inverse_temperature: 0.4,
            ..policy
        };
        let uniform =
            |m: SoftmaxMixture, epsilon| m.with_uniform(epsilon).expect("nothing is fixed");
        [policy, warm, uniform(warm, 0.3), uniform(policy, 1.0)]
    }

    #[test]
    fn forbidden_actions_are_never_chosen_at_either_end() {
        const LAST: f64 = 1.0 - f64::EPSILON / 2.0;
        for n_actions in [1, 3, 64, 65, 200] {
            for mixture in mixtures() {
                // Only the actions from `first` to `last` are allowed; the others have the largest logits.
                for (first, last) in [
                    (0, 0),
                    (n_actions / 3, n_actions / 2),
                    (n_actions - 1, n_actions - 1),
                ] {
                    let allowed: Vec<bool> = (0..n_actions)
                        .map(|i| (first..=last).contains(&i))
                        .collect();
                    let logits: Vec<f32> = allowed
                        .iter()
                        .map(|&ok| if ok { -3.0 } else { 30.0 })
                        .collect();
                    let both = [allowed.clone(), allowed.clone()].concat();
                    let found = choices(
                        &[logits.clone(), logits].concat(),
                        &rows(&both, &[0.0, LAST], mixture),
                    );
                    let expected = [Some(first as u32), Some(last as u32)];
                    assert_eq!(found, expected, "{n_actions} actions, {mixture:?}");
                }
            }
        }
    }

    #[test]
    fn probabilities_of_zero_are_passed_over_at_either_end() {
        // exp(−200) is zero in single precision.
        let logits = [-200.0, 0.0, 0.0, -200.0];
        let found = choices(
            &[logits, logits].concat(),
            &rows(
                &[true; 8],
                &[0.0, 1.0 - f64::EPSILON / 2.0],
                SoftmaxMixture::policy(),
            ),
        );
        assert_eq!(found, [Some(1), Some(2)]);
    }

    #[test]
    fn the_host_chooses_the_same_action_from_the_same_number() {
        let streams = Streams::new(5);
        for n_actions in [2, 7, 64, 65, 300] {
            for mixture in mixtures() {
                let mut rng = streams.rng(Purpose::Check, n_actions as u32, 0);
                let (mut logits, mut allowed) = (Vec::new(), Vec::new());
                for _ in 0..200 * n_actions {
                    logits.push(rng.random_range(-4.0f32..4.0));
                    allowed.push(rng.random_bool(0.6));
                }
                allowed
                    .chunks_mut(n_actions)
                    .for_each(|row| row[n_actions / 2] = true);
                let lane = |row: usize| streams.rng(Purpose::Rollout, 3, row as u16);
                let uniform: Vec<f64> = (0..200).map(|row| lane(row).random()).collect();
                let found = choices(&logits, &rows(&allowed, &uniform, mixture));
                for (row, found) in found.into_iter().enumerate() {
                    let of = |i: usize| i * n_actions..(i + 1) * n_actions;
                    let mut p = vec![0.0; n_actions];
                    mixture.probabilities(&logits[of(row)], &allowed[of(row)], &mut p);
                    let expected = sample_index(&p, &mut lane(row)) as u32;
                    assert_eq!(found, Some(expected), "row {row}, {mixture:?}");
                }
            }
        }
    }

    #[test]
    fn a_fixed_action_has_its_probability_and_all_where_it_is_alone() {
        let exit = SoftmaxMixture {
            epsilon: 0.25,
            fixed_action: Some(2),
            ..SoftmaxMixture::policy()
        };
        // 0.375, 0.375 and 0.25 of three; then the last alone.
        let allowed = [[true; 3], [true; 3], [true; 3], [false, false, true]].concat();
        let found = choices(
            &[[0.0, 0.0, 9.0]; 4].concat(),
            &rows(&allowed, &[0.374, 0.749, 0.751, 0.0], exit),
        );
        assert_eq!(found, [Some(0), Some(1), Some(2), Some(2)]);
    }

    #[test]
    fn rows_with_logits_that_are_not_finite_have_no_action() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let logits = [0.0, 0.0, 0.0, value, 0.0, 1.0];
            let allowed = [true, true, true, false, true, true];
            for mixture in mixtures() {
                let found = choices(&logits, &rows(&allowed, &[0.3, 0.3, 0.9], mixture));
                assert!(
                    found[0].is_some() && found[1].is_none() && found[2].is_some(),
                    "{value} {found:?}"
                );
            }
        }
    }

    #[test]
    fn running_sums_never_fall() {
        let mut rng = Streams::new(2).rng(Purpose::Check, 0, 0);
        for n in [63, 64, 65, 128, 1000] {
            let values: Vec<f32> = (0..2 * n).map(|_| rng.random::<f32>().powi(8)).collect();
            let data = TensorData::new(values.clone(), [2, n]);
            let sums = running_sums(Tensor::from_data(data, &Device::flex()));
            assert_eq!(sums.dims(), [2, n]);
            let sums: Vec<f32> = sums.into_data().iter().collect();
            for (row, sums) in values.chunks_exact(n).zip(sums.chunks_exact(n)) {
                let mut sum = 0.0;
                for (value, found) in row.iter().zip(sums) {
                    sum += f64::from(*value);
                    assert!(
                        (f64::from(*found) - sum).abs() < 1e-5 * (1.0 + sum),
                        "{found} {sum}"
                    );
                }
                assert!(sums.windows(2).all(|pair| pair[0] <= pair[1]));
            }
        }
    }
}
