//! The shape of a Transformer policy, and which environments it can read.

use crate::networks::Trunk;
use crate::{BackwardPolicy, Kernels};
use gfn_env::{Action, Environment, Features};

/// Which tokens a token attends to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Attention {
    /// All tokens of the state. The outputs are read at a class token; the order of the tokens means nothing.
    #[default]
    Bidirectional,
    /// Itself and those before it. The outputs are read at the last token. For environments in which every action that does
    /// not end the object appends one feature.
    Causal,
}

/// Shape of a [`TransformerPolicy`](crate::TransformerPolicy).
#[derive(Clone, Debug, PartialEq)]
pub struct TransformerConfig {
    /// Which tokens a token attends to.
    pub attention: Attention,
    /// Blocks of attention and feed-forward network, at least one.
    pub layers: usize,
    /// Heads of attention; they share the width.
    pub heads: usize,
    /// Length of a token's vector, a multiple of the heads.
    pub width: usize,
    /// Hidden units of the feed-forward networks.
    pub feed_forward: usize,
    /// One encoder, or one for each of P_F, P_B and log F.
    pub trunk: Trunk,
    /// Uniform or learned P_B; a learned one starts uniform.
    pub backward: BackwardPolicy,
    /// Initial value of log Z.
    pub log_z_init: f32,
    /// Fused operations where the device has them, or the composed reference everywhere; the encoder itself is composed.
    pub kernels: Kernels,
}

impl Default for TransformerConfig {
    /// Two bidirectional blocks of width 64 with 4 heads and 256 hidden units, one trunk, a learned P_B, log Z = 0.
    fn default() -> Self {
        Self {
            attention: Attention::Bidirectional,
            layers: 2,
            heads: 4,
            width: 64,
            feed_forward: 256,
            trunk: Trunk::Shared,
            backward: BackwardPolicy::Learned,
            log_z_init: 0.0,
            kernels: Kernels::Fused,
        }
    }
}

/// Why there is no such Transformer policy.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TransformerError {
    /// A part of the shape is zero.
    #[error("{setting} = 0: it must be at least 1")]
    Zero {
        /// Name of the setting.
        setting: &'static str,
    },
    /// Heads do not share the width equally.
    #[error(
        "width = {width} is no multiple of heads = {heads}: each head gets the same share of the width"
    )]
    Heads {
        /// Length of a token's vector.
        width: usize,
        /// Heads of attention.
        heads: usize,
    },
    /// A feature of a state is neither zero nor one.
    #[error(
        "feature {feature} of the state {state} is {value}, and tokens are features that are 1: use a perceptron \
         (policy.kind = \"mlp\")"
    )]
    NotBinary {
        /// Index of the feature.
        feature: u32,
        /// Its value.
        value: f32,
        /// The state as text.
        state: String,
    },
    /// An action does more than append a feature.
    #[error(
        "attention = \"causal\" reads states that grow by one feature at their end, and the action from {parent} to \
         {child} does not append one: use attention = \"bidirectional\""
    )]
    NotAppending {
        /// The state before the action, as text.
        parent: String,
        /// The state after it.
        child: String,
    },
}

impl TransformerConfig {
    /// Whether there is such a policy for `env`.
    ///
    /// The environment is looked at along three walks from its source, each state there with all its children.
    ///
    /// # Errors
    ///
    /// See [`TransformerError`].
    pub fn check<E: Environment>(&self, env: &E) -> Result<(), TransformerError> {
        self.check_shape()?;
        (0..3).try_for_each(|walk| self.check_walk(env, walk))
    }

    /// Whether the numbers fit together.
    ///
    /// # Errors
    ///
    /// [`TransformerError::Zero`] and [`TransformerError::Heads`].
    pub fn check_shape(&self) -> Result<(), TransformerError> {
        let (width, heads) = (self.width, self.heads);
        for (setting, value) in [
            ("layers", self.layers),
            ("heads", heads),
            ("width", width),
            ("feed_forward", self.feed_forward),
        ] {
            if value == 0 {
                return Err(TransformerError::Zero { setting });
            }
        }
        if !width.is_multiple_of(heads) {
            return Err(TransformerError::Heads { width, heads });
        }
        Ok(())
    }

    /// Follows the first actions, the last ones, or some between them.
    fn check_walk<E: Environment>(&self, env: &E, walk: usize) -> Result<(), TransformerError> {
        let mut state = env.source();
        let mut allowed = vec![false; env.n_actions()];
        for step in 0..env.max_len() {
            let parent = tokens(env, &state)?;
            env.forward_mask(&state, &mut allowed);
            // Children that are not terminal, where the walk can go on.
            let mut ways_on = Vec::new();
            let actions = allowed.iter().enumerate().filter(|(_, ok)| **ok);
            for (action, _) in actions {
                let mut child = state.clone();
                if env.step(&mut child, Action(action as u32)).is_err() {
                    continue;
                }
                let is_terminal = env.is_terminal(&child);
                let grown = tokens(env, &child)?;
                let appends = grown.split_last().is_some_and(|(_, rest)| rest == parent);
                let ends = is_terminal && grown == parent;
                if self.attention == Attention::Causal && !appends && !ends {
                    return Err(TransformerError::NotAppending {
                        parent: quoted(env, &state),
                        child: quoted(env, &child),
                    });
                }
                if !is_terminal {
                    ways_on.push(child);
                }
            }
            let chosen = match (walk, ways_on.len()) {
                (_, 0) => break,
                (0, _) => 0,
                (1, n) => n - 1,
                (_, n) => (3 * step + 1) % n,
            };
            state = ways_on.swap_remove(chosen);
        }
        Ok(())
    }
}

/// The description of a state, with something to see where it is empty.
fn quoted<E: Environment>(env: &E, state: &E::State) -> String {
    format!("\"{}\"", env.describe(state))
}

/// The features of a state, all of which have to be 1.
fn tokens<E: Environment>(env: &E, state: &E::State) -> Result<Vec<u32>, TransformerError> {
    let mut features = Features::new(env.n_features());
    env.encode(state, &mut features.push_row());
    let (indices, values) = features.row(0);
    match indices.iter().zip(values).find(|(_, value)| **value != 1.0) {
        Some((&feature, &value)) => Err(TransformerError::NotBinary {
            feature,
            value,
            state: quoted(env, state),
        }),
        None => Ok(indices.to_vec()),
    }
}
