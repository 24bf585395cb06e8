"""Trajectory or detailed balance on the hypergrid 20^4 with gfnx: its environment, rollout and masks.

The package holds no training scripts, so the train step is written here: one compiled step, a loop of steps in one
compiled call, no logging and no callbacks, which is the best case for JAX.
"""

import common

OPTIONS = common.arguments(__doc__, objectives=("tb", "db"))

import time  # noqa: E402
from importlib.metadata import version  # noqa: E402

import equinox as eqx  # noqa: E402
import gfnx  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import optax  # noqa: E402

N_ACTIONS = common.DIMENSION + 1


def split(outputs):
    """The shared network puts out forward logits, backward logits and, for detailed balance, the log-flow."""
    last = N_ACTIONS + common.DIMENSION
    return outputs[..., :N_ACTIONS], outputs[..., N_ACTIONS:last], outputs[..., last:]


def with_stop_probability(logits, observations, stop_probability):
    """Log-probabilities of: exit with the given probability, otherwise the policy among its other actions.

    Where the exit is the only action, the mask of the rollout leaves it probability 1.
    """
    grid = observations.reshape(-1, common.DIMENSION, common.SIDE)
    may_move = grid[..., -1] == 0
    moves = jax.nn.log_softmax(logits[:, :-1], axis=-1, where=may_move)
    moves = jnp.where(may_move, moves, -jnp.inf) + jnp.log1p(-stop_probability)
    exits = jnp.full_like(logits[:, -1:], jnp.log(stop_probability))
    return jnp.concatenate([moves, exits], axis=-1)


def main():
    env = gfnx.HypergridEnvironment(
        gfnx.GeneralHypergridRewardModule(**common.REWARD), dim=common.DIMENSION, side=common.SIDE
    )
    key, env_key, network_key = jax.random.split(jax.random.PRNGKey(OPTIONS.seed), 3)
    env_params = env.init(env_key)
    network = eqx.nn.MLP(
        in_size=common.DIMENSION * common.SIDE,
        out_size=N_ACTIONS + common.DIMENSION + (OPTIONS.objective == "db"),
        width_size=common.HIDDEN,
        depth=common.HIDDEN_LAYERS,
        activation=jax.nn.relu,
        key=network_key,
    )
    weights, structure = eqx.partition(network, eqx.is_inexact_array)
    params = {"network": weights, "log_z": jnp.zeros(())}
    optimiser = optax.multi_transform(
        {"network": optax.adam(common.LEARNING_RATE), "log_z": optax.adam(common.LOG_Z_LEARNING_RATE)},
        {"network": "network", "log_z": "log_z"},
    )

    def outputs(weights, observations):
        return split(jax.vmap(eqx.combine(weights, structure))(observations))

    def behaviour(_key, observations, weights):
        logits, _, _ = outputs(weights, observations)
        if OPTIONS.stop_probability > 0:
            logits = with_stop_probability(logits, observations, OPTIONS.stop_probability)
        return logits, {}

    def detailed_balance(params, trajectories):
        """Mean over real transitions; the flow behind the exit is the reward, log F(source) is log Z."""
        batch, steps = trajectories.obs.shape[:2]
        flat = trajectories.obs.reshape(batch * steps, -1)
        parts = [part.reshape(batch, steps, -1) for part in outputs(params["network"], flat)]
        forward, backward, flow = parts[0][:, :-1], parts[1][:, 1:], parts[2][..., 0]
        flow = flow.at[:, 0].set(params["log_z"])

        def merge(tree):
            return jax.tree.map(lambda x: x.reshape(batch * (steps - 1), *x.shape[2:]), tree)

        states = merge(jax.tree.map(lambda x: x[:, :-1], trajectories.state))
        children = merge(jax.tree.map(lambda x: x[:, 1:], trajectories.state))
        actions = merge(trajectories.action[:, :-1])
        back = env.get_backward_action(states, actions, children, env_params)
        may_go = ~env.get_invalid_mask(states, env_params)
        may_return = ~env.get_invalid_backward_mask(children, env_params)

        def chosen(logits, allowed, taken):
            logits = jax.nn.log_softmax(merge(logits), axis=-1, where=allowed)
            return jnp.take_along_axis(logits, taken[:, None], axis=-1)[:, 0].reshape(batch, -1)

        log_pf, log_pb = chosen(forward, may_go, actions), chosen(backward, may_return, back)
        real = ~trajectories.pad[:, :-1]
        exits = trajectories.done[:, :-1] & real
        child_flow = jnp.where(exits, trajectories.log_gfn_reward[:, :-1], flow[:, 1:])
        residual = jnp.where(real, flow[:, :-1] + log_pf - child_flow - log_pb, 0.0)
        return (residual**2).sum() / real.sum()

    def loss(params, trajectories, log_rewards):
        if OPTIONS.objective == "db":
            return detailed_balance(params, trajectories)
        batch, steps = trajectories.obs.shape[:2]
        forward, backward, _ = outputs(params["network"], trajectories.obs.reshape(batch * steps, -1))
        info = {
            "forward_logits": forward.reshape(batch, steps, -1),
            "backward_logits": backward.reshape(batch, steps, -1),
        }
        log_pf, log_pb = gfnx.utils.forward_trajectory_log_probs(
            env, trajectories.replace(info=info), env_params
        )
        return jnp.mean((params["log_z"] + log_pf - log_rewards - log_pb) ** 2)

    def step(_index, carry):
        key, params, state, transitions = carry
        key, rollout_key = jax.random.split(key)
        trajectories, statistics = gfnx.utils.forward_rollout(
            rollout_key, common.BATCH, behaviour, params["network"], env, env_params
        )
        gradients = jax.grad(loss)(params, trajectories, statistics["log_gfn_reward"])
        updates, state = optimiser.update(gradients, state, params)
        transitions = transitions + statistics["trajectory_length"].sum()
        return key, optax.apply_updates(params, updates), state, transitions

    def steps(n, key, params, state):
        return jax.lax.fori_loop(0, n, step, (key, params, state, jnp.zeros((), jnp.int32)))

    state = optimiser.init(params)
    start = time.perf_counter()
    compiled = jax.jit(steps, donate_argnums=(2, 3)).lower(0, key, params, state).compile()
    compile_s = time.perf_counter() - start

    carry = (key, params, state)

    def run(n):
        nonlocal carry
        *carry, transitions = compiled(n, *carry)
        return int(transitions)

    common.report(OPTIONS, "gfnx", version("gfnx"), compile_s, common.measure(OPTIONS, run))


if __name__ == "__main__":
    main()
