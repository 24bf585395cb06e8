//! The slow copy of a policy.

use gfn_policy::{ParametersError, Policy, named_parameters, with_parameters};

/// `slow + rate·(policy − slow)` in every parameter.
pub(crate) fn move_towards<P: Policy>(
    slow: P,
    policy: &P,
    rate: f64,
) -> Result<P, ParametersError> {
    let mut parameters = named_parameters(&slow);
    for (name, now) in named_parameters(policy) {
        if let Some(old) = parameters.get_mut(&name) {
            let pairs = old.values.iter_mut().zip(&now.values);
            pairs.for_each(|(old, &now)| *old += rate as f32 * (now - *old));
        }
    }
    with_parameters(slow, &parameters)
}
