"""Worlds in which the information rule is played, whose right answer is known."""

import numpy as np

from ald_keras.rules import InformationRule, Observation

RULE = InformationRule(max_loss_increase=1.0)


class World:
    """A network whose loss is that of an optimum plus what absent dimensions cost.

    Args:
        costs: Cost of each informative dimension in nats; its KL is 1 and a bit more
            the more it costs. All other dimensions are idle.
        n_dims: Dimensions at the start.
        noise: Standard deviation of an epoch's loss.
        fall: What training brings, in nats from the first epoch on.
        recovery: Nats that a removed dimension costs in the first epoch, beside its
            lasting cost.
        trained: Epochs that the network was trained before.
        optimum: What the loss comes to in the end, in nats.
        null_loss: The loss without a latent space.
    """

    def __init__(
        self,
        costs,
        n_dims=16,
        noise=0.0,
        fall=0.0,
        recovery=0.1,
        seed=0,
        trained=0,
        optimum=100.0,
        null_loss=200.0,
    ):
        self.optimum, self.null_loss = optimum, null_loss
        self.costs, self.n_dims, self.fall = costs, n_dims, fall
        self.noise, self.recovery = noise, recovery
        self.rng = np.random.default_rng(seed)
        order = self.rng.permutation(n_dims)
        self.place = {int(order[i]): cost for i, cost in enumerate(costs)}
        self.shocks, self.last = [], set(range(n_dims))
        self.age = self.trained = trained
        self.undone = 0

    def kl(self, active):
        return [
            (1.0 + 0.1 * self.place[i] if i in self.place else 0.01) * (i in active)
            for i in range(self.n_dims)
        ]

    def loss(self, active, undone=0):
        self.age += 1
        if active > self.last:
            _, before = self.shocks.pop()
            # Brought back with the weights of before, or switched on as they are.
            self.age = before + 1 if undone > self.undone else self.age
        elif active < self.last:
            size = sum(i in self.place for i in self.last - active)
            self.shocks.append((size, self.age - 1))
        self.last, self.undone = set(active), undone
        shock = sum(size / np.cbrt(self.age - at) for size, at in self.shocks)
        missing = sum(c for i, c in self.place.items() if i not in active)
        noise = self.noise * self.rng.standard_normal()
        trained = self.fall / np.cbrt(self.age)
        return self.optimum + trained + missing + self.recovery * shock + noise

    def observe(self, epoch, state):
        active = set(state.active)
        kl = self.kl(active)
        metrics = {
            "loss": self.loss(active, state.undone),
            "null_loss": self.null_loss,
            "silhouette": -0.01 * abs(len(active) - 3),
        }
        spread = [float(value > 0) for value in kl]
        return Observation(
            epoch,
            metrics,
            state.active,
            kl,
            mean_variance=spread,
            epochs_trained=self.trained + epoch + 1,
        )


def play(rule, world, epochs=150, state=None, first=0):
    state = rule.init(world.n_dims, 0) if state is None else state
    played = []
    for epoch in range(first, first + epochs):
        state, decision = rule.step(state, world.observe(epoch, state))
        played.append((state, decision))
    return played


def changes(played):
    return [d for _, d in played if d.action != "wait"]
