"""Neuron-subnetworks: tickets that keep or remove whole neurons of a random network, beside random features.

Malach, Yehudai, Shalev-Shwartz, Shamir, "Proving the Lottery Ticket Hypothesis: Pruning is all you need" (ICML 2020),
second part. No construction: what is matched is a function on data, not the weights of a network.
"""

from slt.neurons.choices import EverySubset, Flips, NeuronChoice, Thinning
from slt.neurons.found import FoundNeurons, find_neurons
from slt.neurons.moments import Moments
from slt.neurons.random_neurons import RandomNeurons

__all__ = [
    "EverySubset",
    "Flips",
    "FoundNeurons",
    "Moments",
    "NeuronChoice",
    "RandomNeurons",
    "Thinning",
    "find_neurons",
]
