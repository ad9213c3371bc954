"""Supermask search: masks over frozen random networks, found by gradient descent on scores.

``fit(model, loader, method)`` takes any torch module and returns what it found, with its ticket. A method is one choice
on every axis (``Method``); the published ones are presets.
"""

from slt.search.batches import Batches, EpochLoader
from slt.search.budgets import Budget, EqualPerLayer, ErdosRenyi, Global, LayerWise
from slt.search.dense import Dense, train_dense
from slt.search.draws import (
    FanAverage,
    FanIn,
    FanOut,
    RandomTensors,
    Same,
    kaiming_normal,
    kaiming_uniform,
    signed_kaiming_constant,
)
from slt.search.evaluation import Evaluation
from slt.search.fit import fit
from slt.search.found import Epoch, Found
from slt.search.granularity import Blocks, Granularity, Rows, Weights
from slt.search.hiding import CommonScale, OutputScales, OwnScales
from slt.search.mask_overlap import MaskOverlap
from slt.search.masked_training import TrainedMask, train_masked
from slt.search.method import Method, Preset
from slt.search.methods import (
    BernoulliSupermask,
    Biprop,
    ConcreteTicketSearch,
    EdgePopup,
    FrozenSource,
    GemMiner,
    IteRand,
    MagnitudeAtStart,
    Multicoated,
    RandomMask,
    SignedSupermask,
    WeightRecycling,
)
from slt.search.norms import NormPolicy, Recalibrated, Running, TrainedAffine
from slt.search.objectives import ReverseKL, TaskLoss
from slt.search.optimisers import SGD, Adam, DecoupledSGD, Optimiser
from slt.search.parts import Parts, split
from slt.search.planting import Planting, plant
from slt.search.prune import Pruning, prune
from slt.search.readout import Readout
from slt.search.saliency import Grasp, Magnitude, RandomSaliency, Saliency, Snip, SynFlow
from slt.search.sanity import ControlRow, SanityReport, sanity, search_again
from slt.search.scales import InverseDensity, InverseRootDensity, MeanMagnitude, NoScale, Scale
from slt.search.schedules import Constant, Cubic, Geometric, Linear, Schedule
from slt.search.token_windows import TokenWindows, consecutive
from slt.search.transforms import CropAndFlip, Standardise

__all__ = [
    "SGD",
    "Adam",
    "Batches",
    "BernoulliSupermask",
    "Biprop",
    "Blocks",
    "Budget",
    "CommonScale",
    "ConcreteTicketSearch",
    "Constant",
    "ControlRow",
    "CropAndFlip",
    "Cubic",
    "DecoupledSGD",
    "Dense",
    "EdgePopup",
    "Epoch",
    "EpochLoader",
    "EqualPerLayer",
    "ErdosRenyi",
    "Evaluation",
    "FanAverage",
    "FanIn",
    "FanOut",
    "Found",
    "FrozenSource",
    "GemMiner",
    "Geometric",
    "Global",
    "Granularity",
    "Grasp",
    "InverseDensity",
    "InverseRootDensity",
    "IteRand",
    "LayerWise",
    "Linear",
    "Magnitude",
    "MagnitudeAtStart",
    "MaskOverlap",
    "MeanMagnitude",
    "Method",
    "Multicoated",
    "NoScale",
    "NormPolicy",
    "Optimiser",
    "OutputScales",
    "OwnScales",
    "Parts",
    "Planting",
    "Preset",
    "Pruning",
    "RandomMask",
    "RandomSaliency",
    "RandomTensors",
    "Readout",
    "Recalibrated",
    "ReverseKL",
    "Rows",
    "Running",
    "Saliency",
    "Same",
    "SanityReport",
    "Scale",
    "Schedule",
    "SignedSupermask",
    "Snip",
    "Standardise",
    "SynFlow",
    "TaskLoss",
    "TokenWindows",
    "TrainedAffine",
    "TrainedMask",
    "WeightRecycling",
    "Weights",
    "consecutive",
    "fit",
    "kaiming_normal",
    "kaiming_uniform",
    "plant",
    "prune",
    "sanity",
    "search_again",
    "signed_kaiming_constant",
    "split",
    "train_dense",
    "train_masked",
]
