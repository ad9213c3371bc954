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
# # 2. One weight
#
# **Theorem** (Pensia, Rajput, Nagle, Vishwakarma, Papailiopoulos 2020, lemma 1; recalled, C unverified). Let
# g(x) = v . relu(u x) be a random network with one input, one output and 2n hidden units, all weights uniform on
# [-1, 1]. If n >= C log(2 / e), then with probability 1 - e it holds for every w in [-1, 1]: some mask s over v gives
# |w x - (v * s) . relu(u x)| < e for all |x| <= 1.
#
# A hidden unit with u > 0 answers u x on positive inputs and nothing on negative ones. So v u stands in for a weight
# there, and subsets of such products sum to w. Units with u < 0 do the same on the other side.

# %%
import os
from pathlib import Path

import numpy as np
import torch

import slt
from slt import laws, plots
from slt.claims import Size, check_claims, find_claims
from slt.pictures import Picture, steps_to_a_sum, units_by_sign

SIZE = Size(os.environ.get("SLT_NOTEBOOK_SIZE", "full"))
ROOT = next(p for p in [Path.cwd(), *Path.cwd().parents] if (p / "proofs_check").is_dir())

# %% [markdown]
# ## The ticket
#
# The target is the map x -> 0.37 x. `slt.find_ticket` lays out a random network of two layers and chooses a mask. Each
# of the two branches is one subset-sum problem, solved to the optimum.

# %%
weight = 0.37
target = slt.Target.from_arrays([np.array([[weight]])])
ticket = slt.find_ticket(target, width=16, seed=0, inputs=slt.Ball(1.0), construction=slt.TwoLayerSum())
print(ticket)
print(ticket.verify())

# %% [markdown]
# The random network and what the mask keeps of it. Blue is positive, vermilion negative; filled bars are kept. The
# first layer keeps everything: its mask never depends on the target. In the second layer a unit's product v u counts
# towards the branch of its sign of u.

# %%
random_network = {name: tensor.double().numpy() for name, tensor in ticket.source().state_dict().items()}
kept = {name: tensor.double().numpy() != 0 for name, tensor in ticket.kept_weights().items()}
for name, tensor in ticket.kept_weights().items():  # the invariant: source where kept, +0.0 elsewhere
    assert (tensor.double().numpy() == np.where(kept[name], random_network[name], 0.0)).all(), name

u, v = random_network["block0.first.weight"][:, 0], random_network["block0.second.weight"][0]
chosen = kept["block0.second.weight"][0]

figure, axes = plots.new_figure(columns=3, width=4.2, height=2.8)
units_by_sign(axes[0, 0], u, kept["block0.first.weight"][:, 0], "first layer, u")
units_by_sign(axes[0, 1], v, chosen, "second layer, v")
units_by_sign(axes[0, 2], v * u, chosen, "products v u")
axes[0, 0].set_ylabel(plots.axis_label("random weight", "1"))
Picture.of(figure)

# %% [markdown]
# The same as two walks; item k is the product of unit k. Both end near 0.37: on negative inputs a unit with u < 0 gives
# v relu(u x) = (v u) x as well, with v u of either sign.

# %%
figure, axes = plots.new_figure(columns=2, width=5, height=2.6)
for place, side, usable in ((axes[0, 0], "positive", u > 0), (axes[0, 1], "negative", u < 0)):
    steps_to_a_sum(place, v * u, chosen & usable, weight)
    place.set_title(f"{side} inputs, {usable.sum()} usable units")
Picture.of(figure)

# %% [markdown]
# `ticket.module()` is the pruned network itself; `ticket.collapsed()` is what it computes, from source and mask alone:
# one slope for each side of 0, and `ticket.residuals()` how far they are from 0.37, exactly on the lattice 2^-46.

# %%
x = np.linspace(-1, 1, 101)
collapsed = ticket.collapsed().layers[0]
slopes = float(collapsed.positive[0, 0]), float(collapsed.negative[0, 0])
with torch.no_grad():
    answers = ticket.module(torch.float64)(torch.from_numpy(x)[:, None])[:, 0].numpy()
assert np.allclose(answers, np.where(x > 0, slopes[0], slopes[1]) * x, rtol=0, atol=1e-12)
assert np.allclose(ticket.residuals().errors, np.abs(np.array(slopes) - weight), rtol=0, atol=1e-15)

figure, axes = plots.new_figure(columns=2, width=5.4, height=2.8)
axes[0, 0].plot(x, weight * x, color=plots.PALETTE[1], linestyle="--", label="target 0.37 x")
for width, colour in ((6, plots.PALETTE[5]), (16, plots.PALETTE[0])):
    narrow = slt.find_ticket(target, width=width, seed=0)
    with torch.no_grad():
        drawn = narrow.module(torch.float64)(torch.from_numpy(x)[:, None])[:, 0].numpy()
    axes[0, 0].plot(x, drawn, color=colour, label=f"ticket, {width} units")
    axes[0, 1].plot(x, drawn - weight * x, color=colour, label=f"{width} units")
axes[0, 0].set_ylabel(plots.axis_label("output", "1"))
axes[0, 1].set_ylabel(plots.axis_label("ticket - target", "1", "exact"))
for place in axes[0]:
    place.set_xlabel(plots.axis_label("input x", "1"))
    plots.legend(place)
Picture.of(figure)

# %% [markdown]
# ## Three ways to serve one weight
#
# - `SingleMatch` (Malach et al. 2020, theorem 2.1; recalled): the nearest single product. The error falls as 1 / width.
# - `TwoLayerSum(split="paper")` (Pensia et al.): half of the units are set aside for positive inputs, and those of the
#   wrong sign pruned. A quarter of the units serve each branch: 1/4 bit a unit.
# - `TwoLayerSum()`: every unit with u > 0 serves positive inputs, every other one negative inputs: 1/2 bit a unit.
#
# The error of a source is that of its worse branch. A source without a usable unit on one side makes no ticket and
# counts as infinite. At these small widths one product still rivals the paper's split; the laws of sums are too large
# where there are few units, by up to a factor of 2.

# %%
seeds = SIZE.choose(smoke=20, full=200)
widths = np.array(SIZE.choose(smoke=(12, 20), full=(12, 16, 20, 24, 28, 32)))
law_layers = [laws.LayerSums(np.array([[weight]]), branches=2)]
ways = {
    "one product": (slt.SingleMatch(), laws.SIGN_OPTIMAL, laws.SINGLE_MATCH, ":"),
    "sums, the paper's split": (slt.TwoLayerSum(split="paper"), laws.PAPER, laws.SUMS_OF_PRODUCTS, "-."),
    "sums, sign-optimal": (slt.TwoLayerSum(), laws.SIGN_OPTIMAL, laws.SUMS_OF_PRODUCTS, "--"),
}
figure, axes = plots.new_figure(width=6.5, height=3.8)
for name, (construction, split, sums, dashes) in ways.items():
    bands, medians = [], []
    for width in widths:
        errors = np.full(seeds, np.inf)
        for seed in range(seeds):
            try:
                found = slt.find_ticket(target, width=int(width), seed=seed, construction=construction)
            except slt.errors.NoUsableItemError:
                continue
            errors[seed] = found.residuals().errors.max()
        bands.append(laws.quantile_band(errors, 0.5, 0.95))
        medians.append(np.median(errors))
    law = [laws.network_error_quantile(0.5, int(width), law_layers, split, sums=sums) for width in widths]
    plots.curve_with_band(axes[0, 0], widths, medians, [b.low for b in bands], [b.high for b in bands], name)
    plots.predicted(axes[0, 0], widths, law, f"law: {name}", dashes)
plots.log2_axis(axes[0, 0])
axes[0, 0].set_xlabel(plots.axis_label("width", "hidden units"))
axes[0, 0].set_ylabel(plots.axis_label("worse branch's error", "1", "exact"))
axes[0, 0].set_title(f"median of {seeds} sources, band 95 %")
axes[0, 0].legend(fontsize=8)
print(f"asymptotic slopes: {laws.block_error_slope(laws.PAPER)}, {laws.block_error_slope()} bits a unit")
Picture.of(figure)

# %% [markdown]
# ## Checked
#
# That a weight is two ReLU units, and that v relu(u x) is v u x wherever u x >= 0: settled for all real numbers by
# finitely many signs. That inputs of both signs need both branches. And half or a quarter of a bit a unit.

# %%
names = ["relu-identity-of-a-weight", "one-branch-misses-signed-inputs", "halves-of-units-by-sign"]
for name, claim, verdict in check_claims(find_claims(ROOT), names, SIZE):
    print(f"{name}, {claim.origin.value}: {claim.statement}\n{verdict}\n")
    assert verdict.outcome is claim.expected

# %% [markdown]
# ## Measured
#
# The experiment `mlp-law`, weights of two whole networks in 200 sources. The green curves are typical weights, with
# slopes of -0.48 and -0.24 bits a unit where the law has -0.49 and -0.24. The worst weight of a network is another
# matter: it hardly falls while some weight is out of reach. Notebook 3 is about that.

# %%
Picture.read(ROOT / "experiments" / "mlp-law" / "weights.png")
