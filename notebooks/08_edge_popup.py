# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 8. Edge-popup and its kin
#
# **Theorem** (notebooks 2 and 3). Some mask over a wide random network does what the trained network does. The proofs
# choose the mask weight by weight, from a target that they know.
#
# No theorem says that a search finds a mask from data alone. Zhou, Lan, Liu, Yosinski 2019 and Ramanujan, Wortsman,
# Kembhavi, Farhadi, Rastegari 2020 did it anyway: give every weight a score, keep the highest, and let gradient descent
# move the scores instead of the weights. `slt.search` has these methods with each choice on an axis of its own, and
# each search ends in a ticket that is verified like any other.

# %%
import os
from pathlib import Path

import numpy as np
import torch

from slt import architectures, plots, search
from slt.claims import Size, check_claims, find_claims
from slt.data import digits
from slt.pictures import Picture, matrix_picture, two_masks, units_by_sign

SIZE = Size(os.environ.get("SLT_NOTEBOOK_SIZE", "full"))
ROOT = next(p for p in [Path.cwd(), *Path.cwd().parents] if (p / "proofs_check").is_dir())

# %% [markdown]
# ## One search
#
# The 8 x 8 digits that come with scikit-learn, and a network 64-48-24-10 without biases, 4,464 weights: each +s or -s
# at random. 200 training images are held out to look at while the search runs; test images decide nothing.

# %%
images = search.split(digits(), held=200)
mean, deviation = images.train[0].mean(), images.train[0].std()
train, validation, test = (
    search.Batches((x - mean) / deviation, y, batch=128, shuffle=part is images.train)
    for part in (images.train, images.validation, images.test)
    for x, y in [part]
)
model = architectures.lenet(48, 24, inputs=64)
epochs = SIZE.choose(smoke=4, full=40)
found = search.fit(model, train, search.EdgePopup(density=0.5), epochs, seed=0, validation=validation)
print(found)
print(found.verify())
print(f"test accuracy {found.evaluate(test).accuracy:.1%}")

# %% [markdown]
# Every step keeps the half of each layer with the largest |score|. The gradient goes straight through this choice: a
# score moves by what its weight, kept or not, would contribute. So a removed weight can come back.

# %%
last = "4.weight"
scores = found.scores[last].abs().numpy().ravel()
kept = found.last.masks[last].numpy().astype(bool).ravel()
figure, axes = plots.new_figure(columns=2, width=5.2, height=3.2)
left, right = axes[0]
bins = np.linspace(0, scores.max(), 40)
left.hist(scores[kept], bins, color=plots.PALETTE[0], label="kept")
left.hist(scores[~kept], bins, color=plots.PALETTE[5], label="removed")
left.set_xlabel(plots.axis_label("|score|, last layer", "1"))
left.set_ylabel(plots.axis_label("weights", "count"))
plots.legend(left)
right.plot([e.number for e in found.history], [e.validation.accuracy for e in found.history], label="edge-popup")
right.set_xlabel(plots.axis_label("epoch", "1"))
right.set_ylabel(plots.axis_label("validation accuracy", "1", "measured"))
right.set_ylim(0, 1)
Picture.of(figure)

# %% [markdown]
# What it keeps: the last layer's weights of three digits, filled where kept, all of one size. And for each pixel how
# many of its 48 weights are kept. Pixels of the left edge are black in nearly all images, and not pruned for it: after
# standardising by one mean black is a constant other than 0, which a network without biases can use as one.

# %%
weights = found.ticket.source().state_dict()[last].double().numpy()
mask = found.last.masks[last].numpy().astype(bool)
figure, axes = plots.new_figure(columns=4, width=3.6, height=2.8)
for digit in range(3):
    units_by_sign(axes[0, digit], weights[digit], mask[digit], f"digit {digit}")
axes[0, 0].set_ylabel(plots.axis_label("random weight", "1"))
first = found.last.masks["0.weight"].numpy().astype(bool)
matrix_picture(axes[0, 3], first.sum(axis=0).reshape(8, 8), "kept of 48 a pixel")
Picture.of(figure)

# %% [markdown]
# ## Its kin
#
# Methods differ in what draws the random weights, what a score selects, how many weights are kept and where, whether
# removed weights are drawn again, and by what kept ones are multiplied. Each preset is the published method in these
# terms. Below, three seeds each, another random network every time; the baselines are never trained.

# %%
seeds = SIZE.choose(smoke=1, full=3)
presets = {
    "edge-popup, 50 %": search.EdgePopup(0.5),
    "edge-popup, 20 %": search.EdgePopup(0.2),
    "edge-popup, 20 %, no scale": search.EdgePopup(0.2, scale=search.NoScale()),
    "edge-popup, 20 % of all layers": search.EdgePopup(0.2, budget=search.Global()),
    "biprop, 50 %": search.Biprop(0.5),
    "iterand, 50 %": search.IteRand(0.5, every=30, optimiser=search.SGD()),
    "weight recycling, 50 %": search.WeightRecycling(0.5),
    "signed supermask": search.SignedSupermask(decay=1e-3, rate=0.1),
    "concrete, 20 %": search.ConcreteTicketSearch(0.2, scale=search.InverseRootDensity()),
    "random mask, 50 %": search.RandomMask(0.5),
    "largest weights, 50 %": search.MagnitudeAtStart(0.5),
}
measured = {}
for name, preset in presets.items():
    runs = [search.fit(model, train, preset, epochs, seed=seed) for seed in range(seeds)]
    for run in runs:
        run.verify()
    accuracies = [run.evaluate(test).accuracy for run in runs]
    sizes = [run.ticket.entropy_bits / 8 for run in runs]
    patches = [run.ticket.patch_bits / 8 for run in runs]
    measured[name] = ([run.density for run in runs], accuracies)
    print(
        f"{name:31} density {np.median([run.density for run in runs]):.2f}, accuracy {np.median(accuracies):.1%}, "
        f"mask {np.median(sizes):.0f} bytes, patches {np.median(patches):.0f}"
    )

# %%
figure, axes = plots.new_figure(width=8, height=4.4)
place = axes[0, 0]
for row, (_, accuracies) in enumerate(measured.values()):
    place.plot(accuracies, [row] * seeds, "o", color=plots.PALETTE[0], alpha=0.6)
    place.plot([np.median(accuracies)], [row], "|", color=plots.PALETTE[1], markersize=14, markeredgewidth=2)
place.set_yticks(range(len(measured)), list(measured))
place.invert_yaxis()
place.set_xlim(0, 1)
place.axvline(0.1, color=plots.GREY, linestyle=":", label="guessing")
plots.legend(place)
place.set_xlabel(plots.axis_label("test accuracy, last epoch, each seed and median", "1", "measured"))
Picture.of(figure)

# %% [markdown]
# IteRand and weight recycling change weights besides masking them. Their tickets say which: what was drawn again or
# copied is a patch, counted in bytes, and verified with the rest.
#
# ## Is it the mask, on these weights?
#
# `slt.search.sanity` scores the ticket beside controls: its mask shuffled, its weights drawn again, its scores
# inverted. With 19 draws of a control, a mask that owes nothing to its weights is above all of them once in 20 times.

# %%
others = search.search_again(found, train, [1])
print(search.sanity(found, test, others, draws=SIZE.choose(smoke=3, full=19)))

# %% [markdown]
# A second search of the same random network, from other scores, finds another mask, about as good. The two share more
# than chance gives, and not much more: many masks serve.

# %%
figure, axes = plots.new_figure(width=8, height=3.6)
second = others[0].last.masks["0.weight"].numpy().astype(bool)
two_masks(axes[0, 0], first, second)
print(f"test accuracy {found.evaluate(test).accuracy:.1%} and {others[0].evaluate(test).accuracy:.1%}")
axes[0, 0].set_title("first layer, 48 x 64")
Picture.of(figure)

# %% [markdown]
# ## Checked
#
# Scales of layers are one factor behind a ReLU network without biases. So multiplying kept weights by
# 1 / sqrt(density) changes no answer of a ticket; it changes the search, whose loss sees the size of the outputs. And
# the bound behind the bytes above: a mask of n weights that keeps k takes log2 of a binomial, near n H2(k / n) bits.

# %%
names = ["rescaling-of-layers", "entropy-bound-of-binomials"]
for name, claim, verdict in check_claims(find_claims(ROOT), names, SIZE):
    print(f"{name}, {claim.origin.value}: {claim.statement}\n{verdict}\n")
    assert verdict.outcome is claim.expected

# %%
rescaled = found.module()
with torch.no_grad():
    for factor, parameter in zip((2.0, 0.5, 0.25), rescaled.parameters(), strict=True):
        parameter.mul_(factor)  # powers of two, so that nothing is rounded
    pixels = (images.test[0] - mean) / deviation
    ratio = rescaled(pixels) / found.module()(pixels)
print(f"layers times 2, 1/2 and 1/4: outputs times {ratio.min():g} to {ratio.max():g}")

# %% [markdown]
# ## Measured
#
# The experiment `supermask-mnist`: LeNet-300-100 on MNIST, five seeds a method. Edge-popup at density 0.3 has 97.95 %,
# the trained network 98.29 %; a count for all layers together, 10 %, has 98.02 %. Without the scale edge-popup at 10 %
# loses six points. The signed supermask keeps 3.7 % and has 97.71 %.

# %%
Picture.read(ROOT / "experiments" / "supermask-mnist" / "supermask-mnist.png")

# %% [markdown]
# The experiment `supermask-sanity`, the controls at that size: every searched ticket outranks its 57 shuffled and
# re-drawn controls, random masks do not.

# %%
Picture.read(ROOT / "experiments" / "supermask-sanity" / "supermask-sanity.png")
