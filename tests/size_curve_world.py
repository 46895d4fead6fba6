"""Simulated networks whose smallest sufficient size is known."""

import math

import numpy as np

from ald_keras.rules import BASELINE_NLL, Observation, SizeMeasurement


class SimulatedNetwork:
    """A network whose loss increases by what each truncated dimension is worth.

    Args:
        worths: Loss increase without each informative dimension, in nats. Its mean KL
            is 1 nat more than that; all other dimensions are idle.
        n_dims: Dimensions at the start.
        places: Permutation of the dimensions: where the informative ones lie, in the
            order of `worths`, and then the idle ones. Defaults to a random one.
        standard_error: Standard error of a measured increase.
        noise: Standard deviation of a measured increase. Defaults to the standard
            error.
        fall: Nats by which the loss falls in each epoch.
        fading: Factor on the smallest worth in each epoch in which sizes are sampled.
        growth: Factor on all mean KLs in each epoch.
        wakes: Mapping from epochs to the worth of a dimension of the reserve that
            becomes informative then.
        metrics: Mapping from names to functions `(size, epoch) -> float`.
        directions: Mapping from a user's own metrics to `"min"` or `"max"`.
        seed: Of the noise and the places.
    """

    loss, baseline_nll = 100.0, 200.0

    def __init__(
        self,
        worths,
        n_dims=12,
        places=None,
        standard_error=0.0,
        noise=None,
        fall=0.0,
        fading=1.0,
        growth=1.0,
        wakes=(),
        metrics=(),
        directions=(),
        seed=0,
    ):
        self.rng = np.random.default_rng(seed)
        places = self.rng.permutation(n_dims) if places is None else places
        self.places = [int(place) for place in places]
        self.worth = {self.places[i]: worth for i, worth in enumerate(worths)}
        self.standard_error = standard_error
        self.noise = standard_error if noise is None else noise
        self.fall, self.fading, self.growth = fall, fading, growth
        self.wakes = dict(wakes)
        self.metrics, self.directions = dict(metrics), dict(directions)

    def kl(self, epoch, active):
        """Mean KL: settles within 16 epochs, and no two dimensions have the same."""
        learned = (1.0 - math.exp(-(epoch + 1) / 2)) * self.growth**epoch
        values = [0.0] * len(self.places)
        for rank, d in enumerate(self.places):
            idle = 0.05 * math.exp(-epoch / 5) + 0.01 - 0.0001 * rank
            informative = (1.0 + self.worth.get(d, 0.0)) * learned
            if d in active:
                values[d] = informative if d in self.worth else idle
        return values

    def increase(self, size, order):
        """Loss increase with the first `size` dimensions of an order, in nats."""
        return sum(self.worth.get(d, 0.0) for d in order[size:])

    def train(self, epoch, state):
        """What one epoch changes."""
        if state.sampling is not None and self.fading < 1.0:
            least = min(self.worth, key=self.worth.get)
            self.worth[least] *= self.fading
        if epoch in self.wakes:
            woken = next(d for d in self.places if d in state.reserve)
            self.worth[woken] = self.wakes[epoch]

    def full_loss(self, epoch, state):
        """Loss with all active dimensions, in nats."""
        removed = sum(w for d, w in self.worth.items() if d not in state.active)
        return self.loss - self.fall * epoch + removed

    def measure(self, epoch, state):
        order = [d for d in state.sampling.order if d in state.active]
        sizes = state.sizes_to_measure
        noise = self.noise * self.rng.standard_normal(len(sizes))
        # The difference to the full size is exactly 0 there.
        noise[-1] = 0.0
        increase = [self.increase(size, order) for size in sizes] + noise
        errors = [self.standard_error] * (len(sizes) - 1) + [0.0]
        metrics = {
            name: [metric(size, epoch) for size in sizes]
            for name, metric in self.metrics.items()
        }
        return SizeMeasurement(
            sizes, increase, errors, self.full_loss(epoch, state), metrics
        )

    def observe(self, epoch, state, planned):
        self.train(epoch, state)
        sizes = self.measure(epoch, state) if state.sizes_to_measure else None
        kl = self.kl(epoch, state.active)
        reconstruction = self.full_loss(epoch, state) - sum(kl)
        return Observation(
            epoch,
            {BASELINE_NLL: self.baseline_nll, "reconstruction": reconstruction},
            state.active,
            kl,
            self.directions,
            progress=None if planned is None else (epoch + 1) / planned,
            sizes=sizes,
        )


class EntangledNetwork(SimulatedNetwork):
    """A network that gives up some dimensions slowly, and others only under pressure.

    At first it needs 7 of its 12 informative dimensions. While sizes are sampled, what
    those above 5 are worth falls by a tenth an epoch. What those above `size` are worth
    halves in each epoch in which nine tenths of the examples are truncated, most of
    them to fewer dimensions.
    """

    def __init__(self, size, **options):
        super().__init__([0.5 - 0.01 * i for i in range(12)], 16, **options)
        self.costs = {k: 0.5 if k <= 7 else 0.0 for k in range(1, 17)}
        self.size = size

    def increase(self, size, order):
        return sum(cost for k, cost in self.costs.items() if k > size)

    def train(self, epoch, state):
        if state.sampling is None:
            return
        for k in range(max(self.size, 5) + 1, 17):
            self.costs[k] *= 0.9
        if sum(state.sampling.probabilities) < 0.899:
            return
        truncated = 0.0
        for k, probability in enumerate(state.sampling.probabilities, start=1):
            if truncated > 0.6 and k > self.size:
                self.costs[k] *= 0.5
            truncated += probability


class ArbitraryNetwork(SimulatedNetwork):
    """A network of any mean KLs and worths, which change from time to time.

    Args:
        phases: Tuples of a number of epochs, the mean KLs and the worths, each with
            one value for each dimension, in the order of `places`.
        places: Permutation of the dimensions.
        metrics: As in `SimulatedNetwork`.
    """

    def __init__(self, phases, places, metrics=()):
        super().__init__([], len(places), places, metrics=metrics)
        self.phases = [
            (kl, worths) for count, kl, worths in phases for _ in range(count)
        ]

    def kl(self, epoch, active):
        values = [0.0] * len(self.places)
        for rank, d in enumerate(self.places):
            # No two dimensions have the same mean KL.
            values[d] = (self.phases[epoch][0][rank] + 1e-6 * rank) * (d in active)
        return values

    def train(self, epoch, state):
        self.worth = dict(zip(self.places, self.phases[epoch][1], strict=True))


def play(rule, network, epochs, planned=None, state=None, first=0):
    """States and decisions of some epochs, of a run of `planned` epochs."""
    state = rule.init(len(network.places), 0) if state is None else state
    played = []
    for epoch in range(first, first + epochs):
        state, decision = rule.update(state, network.observe(epoch, state, planned))
        played.append((state, decision))
    return played


def codes(played):
    """Codes of the decisions, each as often as it is new."""
    found = []
    for _, decision in played:
        if not found or found[-1] != decision.code:
            found.append(decision.code)
    return found


def epoch_of(played, code):
    """Epoch of the first decision with a code."""
    return next(d.epoch for _, d in played if d.code == code)
