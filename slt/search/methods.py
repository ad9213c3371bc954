"""Published methods as presets of the axes, with the settings of their papers where no argument says otherwise.

Densities are the fraction kept. Learning rates are those for batches of 128 unless said. What the released code of
these methods does differently by mistake is not copied. Everywhere: counts are the nearest integer to density times
weights (released codes round one way or the other) and ties go to the lower index; random weights and scores have
streams of their own in every layer; momentum is torch's, and no event resets it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from slt.search.active import Signs
from slt.search.budgets import Budget, ErdosRenyi, Global, LayerWise
from slt.search.draws import (
    FanAverage,
    FanIn,
    FanOut,
    RandomTensors,
    kaiming_normal,
    kaiming_uniform,
    signed_kaiming_constant,
)
from slt.search.estimators import Pathwise, StraightThrough
from slt.search.events import Clamp, FreezeLowest, Recycle, Redraw
from slt.search.frozen import RandomlyFrozen
from slt.search.method import Method, Preset
from slt.search.objectives import GradBalance, Objective, SquaredScores, TaskLoss
from slt.search.optimisers import SGD, Adam, DecoupledSGD, Optimiser
from slt.search.rates import ConstantRate, Drop, Exponential
from slt.search.sampled_masks import Bernoulli, Concrete
from slt.search.scales import InverseDensity, InverseRootDensity, MeanMagnitude, NoScale, Scale
from slt.search.schedules import Constant, Schedule, check_density
from slt.search.score_maps import Absolute, Clamped, Identity, Sigmoid
from slt.search.score_starts import ConstantScores, Magnitudes, RandomScores, UnitInterval
from slt.search.selectors import NestedTopK, SignedTopK, TopK
from slt.search.thresholds import DeadZone, Threshold
from slt.weights import Normal, SignedConstant, Uniform

STILL = SGD(rate=0.0, momentum=0.0, decay=0.0)


def _schedule(density: float | Schedule) -> Schedule:
    return density if isinstance(density, Schedule) else Constant(density)


@final
@dataclass(frozen=True)
class EdgePopup(Preset):
    """Top-k of |s|, straight through (Ramanujan et al. 2020, Algorithm 1; SGD 0.1, momentum 0.9, decay 1e-4 on the
    scores, cosine per epoch). ``budget=Global()`` is global edge-popup. The scale sqrt(1 / density) is the paper's
    intent; its released code divides by the fraction removed."""

    summary: ClassVar[str] = "top-k of |s|, straight through; Ramanujan et al. 2020"

    density: float | Schedule = 0.5
    budget: Budget = LayerWise()  # noqa: RUF009
    weights: RandomTensors = signed_kaiming_constant()  # noqa: RUF009
    scale: Scale = InverseRootDensity()  # noqa: RUF009
    optimiser: Optimiser = SGD()  # noqa: RUF009

    def method(self) -> Method:
        return Method(
            "edge-popup",
            TopK(_schedule(self.density), self.budget),
            weights=self.weights,
            scale=self.scale,
            optimiser=self.optimiser,
        )


@final
@dataclass(frozen=True)
class Biprop(Preset):
    """Multi-prize tickets: signs of the weights times the mean size of the kept ones (Diffenderfer and Kailkhura 2021,
    MPT-1/32). The mean is over the weights really kept, where the released code divides by a rounded count; the
    gradient of a score is that of the network's weight times the random weight, without the mean."""

    summary: ClassVar[str] = "edge-popup on signs times one size a layer; Diffenderfer and Kailkhura 2021"

    density: float | Schedule = 0.5
    budget: Budget = LayerWise()  # noqa: RUF009
    weights: RandomTensors = kaiming_normal()  # noqa: RUF009
    optimiser: Optimiser = SGD()  # noqa: RUF009

    def method(self) -> Method:
        return Method(
            "biprop",
            TopK(_schedule(self.density), self.budget),
            weights=self.weights,
            active=Signs(),
            scale=MeanMagnitude(),
            optimiser=self.optimiser,
        )


@final
@dataclass(frozen=True)
class IteRand(Preset):
    """Edge-popup on signed scores, with removed weights re-drawn at random before steps ``every``, ``2 every``, ...
    (Chijiwa et al. 2021; 300 for CIFAR; SGD's rate is 0.3 there for Conv6, 0.1 for ResNets). The paper has no scale:
    give ``scale=NoScale()`` for that, and ``weights=kaiming_uniform()`` for its other source."""

    summary: ClassVar[str] = "top-k of s, removed weights re-drawn now and then; Chijiwa et al. 2021"

    density: float | Schedule = 0.5
    rate: float = 0.1
    every: int = 300
    weights: RandomTensors = signed_kaiming_constant()  # noqa: RUF009
    scale: Scale = InverseRootDensity()  # noqa: RUF009
    optimiser: Optimiser = SGD(0.3)  # noqa: RUF009

    def method(self) -> Method:
        return Method(
            "iterand",
            TopK(_schedule(self.density)),
            weights=self.weights,
            starts=RandomScores(RandomTensors(Uniform(), FanIn(2.0))),
            map=Identity(),
            scale=self.scale,
            events=(Redraw(self.rate, self.every),),
            optimiser=self.optimiser,
        )


@final
@dataclass(frozen=True)
class WeightRecycling(Preset):
    """Edge-popup in which the lowest-scored weights take the values of the highest-scored ones every ``every`` epochs
    (Gorbett and Whitley 2023; rate 0.1 every 3 epochs for small networks, 0.2 every 10 for deep ones, of 250).
    The paper has no scale: give ``scale=NoScale()`` for that."""

    summary: ClassVar[str] = (
        "edge-popup, low-scored weights take the values of high-scored ones; Gorbett and Whitley 2023"
    )

    density: float | Schedule = 0.5
    rate: float = 0.1
    every: int = 3
    weights: RandomTensors = signed_kaiming_constant()  # noqa: RUF009
    scale: Scale = InverseRootDensity()  # noqa: RUF009
    optimiser: Optimiser = SGD()  # noqa: RUF009

    def method(self) -> Method:
        return Method(
            "weight-recycling",
            TopK(_schedule(self.density)),
            weights=self.weights,
            scale=self.scale,
            events=(Recycle(self.rate, self.every),),
            optimiser=self.optimiser,
        )


@final
@dataclass(frozen=True)
class SignedSupermask(Preset):
    """Ternary masks by a dead zone, with a decay that is not multiplied by the learning rate (Koster, Grothe, Rettinger
    2022). The density emerges: a stronger ``decay`` keeps less. With ``density`` it is exact instead, by the top of
    |s|. Made for ELU networks without biases; the threshold is ``fraction`` of the largest |s| at the start.

    Weights are constants of size sqrt(gain / fan_in); the paper's ELUS has gain 3 in one place of its code and 6 in
    another. The exact variant, which no paper has, keeps the variance by gain 2 and 1 / sqrt(density) instead, and thin
    layers dense by ``budget``. The paper's rate and decay belong to 100 epochs of 469 steps; with a rate of 0.1 and a
    decay of 3.2e-4, 20 epochs keep some 4% of LeNet-300-100 on MNIST.
    """

    summary: ClassVar[str] = "ternary masks by a dead zone, or of exact density; Koster, Grothe, Rettinger 2022"

    fraction: float = 0.4
    decay: float = 5e-4
    rate: float = 0.05
    gain: float | None = None  # 6, or 2 in the exact variant
    density: float | Schedule | None = None
    budget: Budget = ErdosRenyi()  # noqa: RUF009
    scale: Scale | None = None  # 1, or 1 / sqrt(density) in the exact variant

    def method(self) -> Method:
        exact = self.density is not None
        gain = (2.0 if exact else 6.0) if self.gain is None else self.gain
        scale = (InverseRootDensity() if exact else NoScale()) if self.scale is None else self.scale
        return Method(
            "signed-supermask-exact" if exact else "signed-supermask",
            DeadZone(self.fraction) if self.density is None else SignedTopK(_schedule(self.density), self.budget),
            weights=RandomTensors(SignedConstant(), FanIn(gain)),
            starts=RandomScores(RandomTensors(Uniform(), FanAverage(1.0))),
            # |s| orders the exact variant; the gradient goes straight to s in both
            map=Absolute() if exact else Identity(),
            scale=scale,
            optimiser=DecoupledSGD(self.rate, 0.9, self.decay, nesterov=True),
            rate=Exponential(0.9, 0.1),
        )


@final
@dataclass(frozen=True)
class ConcreteTicketSearch(Preset):
    """Relaxed masks at temperature 2/3, GradBalance for the density, global top-k in the end (Arora and Teuscher 2025;
    Adam 0.1, a tenth of it from 88% on). ``objective``: ``TaskLoss()`` or ``ReverseKL()``. Batches of 512 in the paper,
    which has no scale either. Norms use statistics of the batch while the search runs, as in the paper, and have weight
    1 where the paper draws it; dropout stays on, as in every search."""

    summary: ClassVar[str] = "relaxed masks, GradBalance, global top-k at the end; Arora and Teuscher 2025"

    density: float = 0.1
    objective: Objective = TaskLoss()  # noqa: RUF009
    weights: RandomTensors = kaiming_normal()  # noqa: RUF009
    scale: Scale = NoScale()  # noqa: RUF009
    optimiser: Optimiser = Adam(0.1)  # noqa: RUF009

    def method(self) -> Method:
        import math

        check_density(self.density)
        start = math.log(self.density / (1 - self.density)) if self.density < 1 else 20.0
        return Method(
            "concrete",
            Concrete(Constant(self.density), Global()),
            weights=self.weights,
            starts=ConstantScores(start),
            map=Identity(),
            estimator=Pathwise(),
            scale=self.scale,
            objective=self.objective,
            constraint=GradBalance(self.density),
            optimiser=self.optimiser,
            rate=Drop(0.88, 0.1),
        )


@final
@dataclass(frozen=True)
class GemMiner(Preset):
    """Scores in [0, 1], kept above 1/2, pruned for good by equal factors (Sreenivasan et al. 2022). The paper trains
    under its masks afterwards; here they are tickets as they are, and scaled: without a scale little is left at low
    densities. ``every`` is 5 of 150 epochs in the paper; freezing ends after 0.8 of the epochs (``FreezeLowest``), the
    paper's goes on to the last."""

    summary: ClassVar[str] = "scores in [0, 1] kept above 1/2, pruned for good; Sreenivasan et al. 2022"

    density: float = 0.1
    every: int = 1
    penalty: float = 1e-4
    scale: Scale = InverseRootDensity()  # noqa: RUF009
    optimiser: Optimiser = SGD(0.1, 0.9, 0.0)  # noqa: RUF009

    def method(self) -> Method:
        check_density(self.density)
        return Method(
            "gem-miner",
            Threshold(0.5),
            starts=UnitInterval(),
            map=Clamped(),
            scale=self.scale,
            events=(Clamp(0.0, 1.0), FreezeLowest(self.density, self.every)),
            constraint=SquaredScores(self.penalty),
            optimiser=self.optimiser,
        )


@final
@dataclass(frozen=True)
class BernoulliSupermask(Preset):
    """Masks drawn with probability sigmoid(s) (Zhou et al. 2019): SGD with momentum 0.9 and rate 100, no decay, signed
    constants of Glorot's size, weights rescaled by 1 / density of the mask at hand, a constant to the gradient; batches
    of 250 in the paper. ``sampled=True`` evaluates one more draw, as the paper
    does; the default is the most probable mask. The density emerges."""

    summary: ClassVar[str] = "masks drawn with probability sigmoid(s); Zhou et al. 2019"

    sampled: bool = False
    rate: float = 100.0
    scale: Scale = InverseDensity()  # noqa: RUF009

    def method(self) -> Method:
        return Method(
            "bernoulli",
            Bernoulli(self.sampled),
            weights=RandomTensors(SignedConstant(), FanAverage(1.0)),
            starts=ConstantScores(0.0),
            map=Sigmoid(),
            estimator=StraightThrough(),
            scale=self.scale,
            optimiser=SGD(self.rate, 0.9, 0.0),
            rate=ConstantRate(),
        )


@final
@dataclass(frozen=True)
class FrozenSource(Preset):
    """Edge-popup in a source of which a share is removed and a share locked in before the search (Otsuka et al. 2024);
    the pattern comes from the seed. Scores are normal, and each layer is rescaled by its own density, as in the paper.
    ``density`` counts all weights, locked ones too."""

    summary: ClassVar[str] = "edge-popup where a part is removed or locked in beforehand; Otsuka et al. 2024"

    density: float | Schedule = 0.5
    removed: float = 0.25
    locked: float = 0.25
    budget: Budget = Global()  # noqa: RUF009
    weights: RandomTensors = kaiming_uniform()  # noqa: RUF009
    optimiser: Optimiser = SGD()  # noqa: RUF009

    def method(self) -> Method:
        return Method(
            "frozen-source",
            TopK(_schedule(self.density), self.budget),
            weights=self.weights,
            frozen=RandomlyFrozen(self.removed, self.locked),
            starts=RandomScores(kaiming_normal()),
            optimiser=self.optimiser,
        )


@final
@dataclass(frozen=True)
class Multicoated(Preset):
    """Nested masks over one score, added up (Okoshi et al. 2022). ``densities`` fall; the first is the ticket's own,
    and the scale is by that one. Scores are normal of the size that fan_out gives."""

    summary: ClassVar[str] = "nested masks over one score, added up; Okoshi et al. 2022"

    densities: tuple[float, ...] = (0.3, 0.0788, 0.0315)
    optimiser: Optimiser = SGD()  # noqa: RUF009

    def method(self) -> Method:
        return Method(
            "multicoated",
            NestedTopK(self.densities),
            starts=RandomScores(RandomTensors(Normal(), FanOut(2.0))),
            optimiser=self.optimiser,
        )


@final
@dataclass(frozen=True)
class RandomMask(Preset):
    """A baseline: random scores, never trained."""

    summary: ClassVar[str] = "baseline: random scores, never trained"

    density: float = 0.5
    budget: Budget = LayerWise()  # noqa: RUF009

    def method(self) -> Method:
        return Method("random-mask", TopK(Constant(self.density), self.budget), optimiser=STILL)


@final
@dataclass(frozen=True)
class MagnitudeAtStart(Preset):
    """A baseline: the largest random weights, never trained."""

    summary: ClassVar[str] = "baseline: the largest random weights, never trained"

    density: float = 0.5
    budget: Budget = LayerWise()  # noqa: RUF009
    weights: RandomTensors = kaiming_normal()  # noqa: RUF009

    def method(self) -> Method:
        return Method(
            "magnitude-at-start",
            TopK(Constant(self.density), self.budget),
            weights=self.weights,
            starts=Magnitudes(),
            optimiser=STILL,
        )
