//! Keys and values of the states that were evaluated last, for those that go on from them.

use super::host::HostTransformer;
use super::tokens;
use gfn_env::Features;
use std::sync::Arc;

/// What a network has computed for a state.
#[derive(Clone, Debug, Default)]
pub(super) struct Prefix {
    /// The tokens, without the class token.
    pub(super) tokens: Vec<u32>,
    /// Tokens whose keys and values are there, the class token among them.
    pub(super) n_known: usize,
    /// Keys and values of each block: the key of a token and then its value, token by token.
    pub(super) keys_values: Vec<Vec<f32>>,
    /// The vector of the token that is read, after the last block.
    pub(super) read: Vec<f32>,
}

/// The states of the latest call, of one network.
///
/// Nobody says which lane a row belongs to: a row goes on from an earlier one if its tokens do. Keys and values depend on the
/// tokens up to theirs alone, so it does not matter whose they were.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    network: Option<Arc<HostTransformer>>,
    rows: Vec<Prefix>,
}

impl Prefixes {
    /// For each state, what is known of it, with the state's own tokens filled in.
    ///
    /// Rows keep their order from step to step and only leave, which says how far off a row can be.
    pub(super) fn take(
        &mut self,
        network: &Arc<HostTransformer>,
        states: &Features,
    ) -> Vec<Prefix> {
        let mut earlier = match &self.network {
            Some(known) if Arc::ptr_eq(known, network) => std::mem::take(&mut self.rows),
            _ => Vec::new(),
        };
        let n_left = earlier.len().saturating_sub(states.n_rows());
        let mut next = 0;
        let taken = (0..states.n_rows()).map(|i| {
            let tokens = tokens::of_row(states, i);
            let last = (i + n_left + 1).min(earlier.len());
            let found = (next.max(i)..last).find(|&j| tokens.starts_with(&earlier[j].tokens));
            let mut prefix = match found {
                Some(j) => {
                    next = j + 1;
                    std::mem::take(&mut earlier[j])
                }
                None => Prefix::default(),
            };
            prefix.tokens.clear();
            prefix.tokens.extend_from_slice(tokens);
            prefix
        });
        taken.collect()
    }

    /// Keeps what has been computed, for the next call.
    pub(super) fn keep(&mut self, network: &Arc<HostTransformer>, rows: Vec<Prefix>) {
        self.network = Some(Arc::clone(network));
        self.rows = rows;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Workspace;
    use crate::networks::dense::LayerInit;
    use crate::networks::parts::{HostNetwork as _, Network as _};
    use crate::networks::transformer::network::Transformer;
    use crate::networks::transformer::{Attention, TransformerConfig};
    use burn::tensor::Device;
    use gfn_env::Streams;

    fn states(rows: &[&[usize]]) -> Features {
        let mut features = Features::new(6);
        for row in rows {
            let mut to = features.push_row();
            row.iter().for_each(|&i| to.one(i));
        }
        features
    }

    fn network(attention: Attention) -> Arc<HostTransformer> {
        let config = TransformerConfig {
            attention,
            heads: 2,
            width: 8,
            feed_forward: 8,
            ..TransformerConfig::default()
        };
        let mut init = LayerInit::new(Streams::new(1));
        let network = Transformer::new(&mut init, &config, 6, 3, &Device::flex());
        Arc::new(network.host(std::slice::from_ref(&(0..3))))
    }

    /// How many tokens of each state are known after the given calls.
    fn known(
        network: &Arc<HostTransformer>,
        calls: &[&[&[usize]]],
        last: &[&[usize]],
    ) -> Vec<usize> {
        let (mut workspace, mut out) = (Workspace::default(), Vec::new());
        for call in calls {
            network.evaluate(0, &states(call), &mut workspace, &mut out);
        }
        let rows = workspace.prefixes.take(network, &states(last));
        rows.iter().map(|row| row.n_known).collect()
    }

    #[test]
    fn each_step_of_a_rollout_has_one_new_token_for_each_lane() {
        let network = network(Attention::Causal);
        let start: &[&[usize]] = &[&[], &[], &[], &[]];
        assert_eq!(known(&network, &[], start), [0; 4]);
        // Two lanes with equal tokens, and one that leaves between them.
        let first: &[&[usize]] = &[&[2], &[1], &[2], &[3]];
        assert_eq!(known(&network, &[start], first), [1; 4]);
        let second: &[&[usize]] = &[&[2, 5], &[2, 4], &[3, 0]];
        assert_eq!(known(&network, &[start, first], second), [2; 3]);
        let third: &[&[usize]] = &[&[3, 0, 1]];
        assert_eq!(known(&network, &[start, first, second], third), [3]);
        // A state that is asked for again, and states of nobody.
        assert_eq!(known(&network, &[first], first), [2; 4]);
        assert_eq!(known(&network, &[first], &[&[0], &[4]]), [0, 0]);
    }

    #[test]
    fn nothing_is_known_of_another_network_or_where_all_tokens_attend_to_each_other() {
        let (one, other) = (network(Attention::Causal), network(Attention::Causal));
        let rows: &[&[usize]] = &[&[2], &[1]];
        let (mut workspace, mut out) = (Workspace::default(), Vec::new());
        one.evaluate(0, &states(rows), &mut workspace, &mut out);
        let rows_of_other = workspace.prefixes.take(&other, &states(rows));
        assert!(rows_of_other.iter().all(|row| row.n_known == 0));
        assert_eq!(
            known(&network(Attention::Bidirectional), &[rows], rows),
            [0, 0]
        );
    }
}
