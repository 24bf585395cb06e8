//! Rewards: [`Reward`], a function of terminal states in batches.
//!
//! A reward is separate from the dynamics: a table, a closure, a network, another process. It answers in **natural
//! logarithms**, in f64, for a slice of terminal states at once.

use std::{fmt::Debug, sync::Arc};

use crate::RewardError;

/// `log R(x)` of terminal states.
pub trait Reward<S>: Send + Sync {
    /// Writes the natural logarithm of the reward of each terminal state.
    ///
    /// `terminals` and `out` have the same length, `[n]`. A reward of zero is `-inf`; whoever cannot use that calls
    /// [`checked_log_reward`].
    ///
    /// # Errors
    ///
    /// [`RewardError::Failed`] where the reward cannot be computed.
    fn log_reward(&self, terminals: &[S], out: &mut [f64]) -> Result<(), RewardError>;
}

/// A closure from one terminal state to its natural-log reward, as a [`Reward`].
///
/// # Examples
///
/// ```
/// use gfn_env::{LogRewardFn, Reward as _};
///
/// let reward = LogRewardFn(|x: &u32| f64::from(*x).ln());
/// let mut out = [0.0; 2];
/// reward.log_reward(&[1, 4], &mut out)?;
/// assert_eq!(out, [0.0, 4f64.ln()]);
/// # Ok::<(), gfn_env::RewardError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LogRewardFn<F>(pub F);

impl<S, F: Fn(&S) -> f64 + Send + Sync> Reward<S> for LogRewardFn<F> {
    fn log_reward(&self, terminals: &[S], out: &mut [f64]) -> Result<(), RewardError> {
        for (x, o) in terminals.iter().zip(out) {
            *o = (self.0)(x);
        }
        Ok(())
    }
}

/// Log-rewards that training can use: [`Reward::log_reward`], then refuses what is not finite.
///
/// # Errors
///
/// - [`RewardError::NotANumber`], [`RewardError::Infinite`], [`RewardError::Zero`]: names the first such state
/// - whatever the reward itself returns
///
/// # Panics
///
/// If `terminals` and `out` differ in length.
pub fn checked_log_reward<S: Debug, R: Reward<S> + ?Sized>(
    reward: &R,
    terminals: &[S],
    out: &mut [f64],
) -> Result<(), RewardError> {
    log_reward_not_above(reward, terminals, out)?;
    match out.iter().position(|&v| v == f64::NEG_INFINITY) {
        Some(i) => Err(RewardError::Zero {
            state: format!("{:?}", terminals[i]),
        }),
        None => Ok(()),
    }
}

/// As [`checked_log_reward`], with rewards of zero allowed.
pub(crate) fn log_reward_not_above<S: Debug, R: Reward<S> + ?Sized>(
    reward: &R,
    terminals: &[S],
    out: &mut [f64],
) -> Result<(), RewardError> {
    assert_eq!(
        terminals.len(),
        out.len(),
        "one log-reward per terminal state"
    );
    // What the reward leaves out must not pass for a value.
    out.fill(f64::NAN);
    reward.log_reward(terminals, out)?;
    for (x, &v) in terminals.iter().zip(&*out) {
        if v.is_nan() {
            return Err(RewardError::NotANumber {
                state: format!("{x:?}"),
            });
        }
        if v == f64::INFINITY {
            return Err(RewardError::Infinite {
                state: format!("{x:?}"),
            });
        }
    }
    Ok(())
}

impl<S, R: Reward<S> + ?Sized> Reward<S> for &R {
    fn log_reward(&self, terminals: &[S], out: &mut [f64]) -> Result<(), RewardError> {
        (**self).log_reward(terminals, out)
    }
}

impl<S, R: Reward<S> + ?Sized> Reward<S> for Box<R> {
    fn log_reward(&self, terminals: &[S], out: &mut [f64]) -> Result<(), RewardError> {
        (**self).log_reward(terminals, out)
    }
}

impl<S, R: Reward<S> + ?Sized> Reward<S> for Arc<R> {
    fn log_reward(&self, terminals: &[S], out: &mut [f64]) -> Result<(), RewardError> {
        (**self).log_reward(terminals, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(f: impl Fn(&u8) -> f64 + Send + Sync) -> Result<Vec<f64>, RewardError> {
        let mut out = [0.0; 2];
        let reward: Box<dyn Reward<u8>> = Box::new(LogRewardFn(f));
        checked_log_reward(&*reward, &[1, 2], &mut out).map(|()| out.to_vec())
    }

    #[test]
    fn finite_rewards_pass_through_pointers() {
        assert_eq!(checked(|x| f64::from(*x)).unwrap(), [1.0, 2.0]);
        let mut out = [0.0];
        let arc: Arc<dyn Reward<u8>> = Arc::new(LogRewardFn(|_: &u8| 0.5));
        checked_log_reward(&&arc, &[9], &mut out).unwrap();
        assert_eq!(out, [0.5]);
    }

    #[test]
    fn unusable_rewards_are_refused_and_the_state_is_named() {
        let bad = |v: f64| {
            checked(move |x| if *x == 2 { v } else { 0.0 })
                .unwrap_err()
                .to_string()
        };
        assert!(bad(f64::NAN).contains("log-reward of 2 is NaN"));
        assert!(bad(f64::INFINITY).contains("log-reward of 2 is +inf"));
        assert!(bad(f64::NEG_INFINITY).contains("log-reward of 2 is -inf"));
    }

    #[test]
    fn a_value_the_reward_forgets_to_write_is_refused() {
        struct Forgets;
        impl Reward<u8> for Forgets {
            fn log_reward(&self, _: &[u8], out: &mut [f64]) -> Result<(), RewardError> {
                out[0] = 1.0;
                Ok(())
            }
        }
        let error = checked_log_reward(&Forgets, &[1, 2], &mut [0.0; 2]).unwrap_err();
        assert!(matches!(error, RewardError::NotANumber { state } if state == "2"));
    }
}
