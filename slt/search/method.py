"""A search method: one choice on every axis."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

from slt.search.active import Active, Drawn
from slt.search.draws import RandomTensors
from slt.search.estimators import Estimator, StraightThrough
from slt.search.events import Event
from slt.search.frozen import FrozenPart, Searchable
from slt.search.granularity import Granularity, Weights
from slt.search.norms import NormPolicy, Running
from slt.search.objectives import Constraint, Objective, TaskLoss, Unconstrained
from slt.search.optimisers import SGD, Optimiser
from slt.search.rates import CosineEpochs, Rate
from slt.search.scales import InverseRootDensity, Scale
from slt.search.score_maps import Absolute, ScoreMap
from slt.search.score_starts import RandomScores, ScoreStart
from slt.search.selectors import Selector


@final
@dataclass(frozen=True)
class Method:
    """``weights = m * a + (1 - m) * c`` with c = 0: a mask m over frozen random values a, and how m is found.

    ``weights``   the random source
    ``frozen``    weights removed or locked in before the search
    ``starts``    scores before the first step
    ``map``, ``granularity``, ``selector``  how scores make a mask
    ``estimator`` how the gradient gets back to them
    ``active``, ``scale``  what a kept weight is in the network
    ``events``    what happens between steps, in this order
    ``objective``, ``constraint``  what is minimised
    ``optimiser``, ``rate``  what moves the scores; an optimiser of rate 0 moves none
    ``norms``     what becomes of normalisation layers
    """

    name: str
    selector: Selector
    weights: RandomTensors = RandomTensors()  # noqa: RUF009
    frozen: FrozenPart = Searchable()  # noqa: RUF009
    starts: ScoreStart = RandomScores()  # noqa: RUF009
    map: ScoreMap = Absolute()  # noqa: RUF009
    granularity: Granularity = Weights()  # noqa: RUF009
    estimator: Estimator = StraightThrough()  # noqa: RUF009
    active: Active = Drawn()  # noqa: RUF009
    scale: Scale = InverseRootDensity()  # noqa: RUF009
    events: tuple[Event, ...] = ()
    objective: Objective = TaskLoss()  # noqa: RUF009
    constraint: Constraint = Unconstrained()  # noqa: RUF009
    optimiser: Optimiser = SGD()  # noqa: RUF009
    rate: Rate = CosineEpochs()  # noqa: RUF009
    norms: NormPolicy = Running()  # noqa: RUF009

    @property
    def trains(self) -> bool:
        """Whether scores move at all."""
        return self.optimiser.rate > 0


class Preset(ABC):
    """A published method with its settings; ``method()`` spells it out on the axes."""

    summary: ClassVar[str]
    """What it does and who found it, in a line."""

    @abstractmethod
    def method(self) -> Method:
        """The same as a ``Method``, whose fields ``dataclasses.replace`` changes one by one."""
