"""Trajectory balance on the hypergrid 20^4 with gfnx: its environment, rollout and log-probabilities.

The package holds no training scripts, so the train step is written here: one compiled step, a loop of steps in one
compiled call, no logging and no callbacks, which is the best case for JAX.
"""

import common

OPTIONS = common.arguments(__doc__)

import time  # noqa: E402
from importlib.metadata import version  # noqa: E402

import equinox as eqx  # noqa: E402
import gfnx  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import optax  # noqa: E402

N_ACTIONS = common.DIMENSION + 1


def split(outputs):
    """The shared network puts out forward logits, then backward logits."""
    return outputs[..., :N_ACTIONS], outputs[..., N_ACTIONS:]


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
        out_size=N_ACTIONS + common.DIMENSION,
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
        logits, _ = outputs(weights, observations)
        if OPTIONS.stop_probability > 0:
            logits = with_stop_probability(logits, observations, OPTIONS.stop_probability)
        return logits, {}

    def loss(params, trajectories, log_rewards):
        batch, steps = trajectories.obs.shape[:2]
        forward, backward = outputs(params["network"], trajectories.obs.reshape(batch * steps, -1))
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
