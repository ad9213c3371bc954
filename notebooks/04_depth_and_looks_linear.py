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
# # 4. Depth L + 1, and networks that look linear
#
# **Theorem** (Burkholz 2022, Most activation functions can win the lottery without excessive depth; recalled, constants
# unverified). A target of L layers is matched within e, with probability 1 - d, by a mask over a random network of L +
# 1 layers, whose layers are wider than the target's by factors logarithmic in 1 / e and 1 / d. Two layers for one are
# needed only once, for the first.
#
# **Theorem** (Fischer, Gadhikar, Burkholz 2021, Lottery tickets with nonzero biases; recalled, constants unverified).
# With the looks-linear initialisation, layers of mirrored blocks, a target weight takes one subset sum for both signs
# of its input.
#
# Both save something that notebook 3 paid for: depth, and the split of the units by sign.

# %%
import os
from pathlib import Path

import numpy as np

import slt
from slt import laws, plots
from slt.claims import Size, check_claims, find_claims
from slt.pictures import Picture, side_by_side, ticket_picture, units_by_sign

SIZE = Size(os.environ.get("SLT_NOTEBOOK_SIZE", "full"))
ROOT = next(p for p in [Path.cwd(), *Path.cwd().parents] if (p / "proofs_check").is_dir())

# %% [markdown]
# The target is a random network 2-3-3-1 of spectral norm 1 in every layer.

# %%
matrices = []
for name, rows, columns in (("first", 3, 2), ("second", 3, 3), ("third", 1, 3)):
    drawn = slt.Normal().draw(slt.Key(3) / "course" / name, (1, rows, columns))[0].astype(np.float64)
    matrices.append(drawn / np.linalg.norm(drawn, 2))
target, ball = slt.Target.from_arrays(matrices), slt.Ball(1.0)

# %% [markdown]
# ## L + 1: build every neuron many times
#
# Two random layers make the first target layer (notebook 2), not once but rho times: every hidden neuron of the target
# has rho copies. A later layer then finds rho copies of each input, never negative behind the ReLU, and takes the
# subset of *single* random weights that sums to w: no second layer is needed. It does so once for each of its own
# copies.

# %%
copies = 6
ticket = slt.find_ticket(target, width=copies, seed=0, inputs=ball, construction=slt.ReplicatedRows())
deep = slt.find_ticket(target, width=copies, seed=0, inputs=ball, construction=slt.TwoLayerSum())
print(ticket)
print(ticket.verify())
print(f"random layers: {len(ticket.kept_weights())}, with two for one {len(deep.kept_weights())}")
print(f"subset sums: {ticket.findings.sums}, with two for one {deep.findings.sums}")
Picture.of(ticket_picture(ticket))

# %% [markdown]
# `layer1` has 18 x 18 random weights for a target matrix 3 x 3: six copies of each row, six columns for each input.
# Summed over the copies of an input, every row is a copy of a row of the target, each with an error of its own.

# %%
kept = ticket.kept_weights()["layer1.weight"].double().numpy()
summed = kept.reshape(3 * copies, 3, copies).sum(axis=2)
Picture.of(
    side_by_side(np.repeat(matrices[1], copies, axis=0).T, summed.T, "layer 2 transposed, six copies of each row")
)

# %% [markdown]
# ## Looks linear: mirrored pairs
#
# A pair of hidden units u and -u, with read-outs v and -v, computes v relu(u x) - v relu(-u x) = v u x for every x. So
# every pair can serve a weight whatever the sign of u, and one sum does for both signs of the input. In the picture,
# the units of one input: a pair is unit k and unit k + 8, and the mask keeps both read-outs or none.

# %%
one = slt.Target.from_arrays([np.array([[0.37]])])
pairs = slt.find_ticket(one, width=8, seed=1, inputs=ball, construction=slt.LooksLinear())
source = {name: tensor.double().numpy() for name, tensor in pairs.source().state_dict().items()}
weights = {name: tensor.double().numpy() for name, tensor in pairs.kept_weights().items()}
for name, drawn in source.items():
    assert (weights[name] == np.where(weights[name] != 0, drawn, 0.0)).all()
u, v = source["block0.first.weight"][:, 0], source["block0.second.weight"][0]
chosen = weights["block0.second.weight"][0] != 0
assert (u[:8] == -u[8:]).all() and (v[:8] == -v[8:]).all() and (chosen[:8] == chosen[8:]).all()

figure, axes = plots.new_figure(columns=3, width=4.2, height=2.8)
units_by_sign(axes[0, 0], u, weights["block0.first.weight"][:, 0] != 0, "first layer, u")
units_by_sign(axes[0, 1], v, chosen, "second layer, v")
units_by_sign(axes[0, 2], v * u, chosen, "products v u")
axes[0, 0].set_ylabel(plots.axis_label("random weight", "1"))
layer = pairs.collapsed().layers[0]
assert layer.positive[0, 0] == layer.negative[0, 0]
print(f"slope on both sides of 0: {layer.positive[0, 0]:.7f}, wanted 0.37")
Picture.of(figure)

# %% [markdown]
# ## What they buy
#
# Left, at equal numbers of hidden units: pairs have as many candidates a weight as a sign-optimal split has on average,
# but never fewer. So typical weights gain nothing and the worst gains much. Right: behind the first block of the L + 1
# network an error halves with every copy, since each copy is one more candidate, a single uniform weight. The whole
# network waits for its first block, as wide networks of two-layer sums do.

# %%
seeds = SIZE.choose(smoke=6, full=60)
units = np.array(SIZE.choose(smoke=(12, 24), full=(12, 18, 24, 30, 36, 42)))
tall = np.array(SIZE.choose(smoke=(6, 12), full=(6, 10, 14, 18, 22)))
law_layers = slt.TwoLayerSum().law_layers(target, ball)
cases = {
    "two-layer sums": (slt.TwoLayerSum(), units, 1),
    "mirrored pairs": (slt.LooksLinear(), units, 2),
    "L + 1, all sums": (slt.ReplicatedRows(), tall, 1),
}
largest = {name: np.full((len(widths), seeds), np.inf) for name, (_, widths, _) in cases.items()}
behind = np.full((len(tall), seeds), np.inf)  # of L + 1, sums behind the first block
for name, (construction, widths, units_each) in cases.items():
    for row, width in enumerate(widths):
        for seed in range(seeds):
            try:
                found = slt.find_ticket(
                    target, width=int(width) // units_each, seed=seed, max_items=44, construction=construction
                )
            except slt.errors.NoUsableItemError:
                continue  # no ticket, an infinite error
            residuals = found.residuals()
            largest[name][row, seed] = residuals.errors.max()
            if name == "L + 1, all sums":
                parts = [part for name, part in residuals.parts.items() if not name.startswith("layer 0")]
                behind[row, seed] = max(np.abs(branch.residual).max() for part in parts for branch in part.branches)

later = [
    [laws.LayerSums(np.tile(matrices[1], (int(rho), 1))), laws.LayerSums(matrices[2])] for rho in tall
]  # rho times as many sums, but for the last layer
told = {
    "two-layer sums": [laws.network_error_quantile(0.5, int(n), law_layers) for n in units],
    "mirrored pairs": [laws.network_error_quantile(0.5, int(n) // 2, law_layers, laws.EVERY_UNIT) for n in units],
    "L + 1, all sums": [laws.replicated_error_quantile(0.5, int(rho), law_layers) for rho in tall],
    "L + 1, behind the first block": [
        laws.network_error_quantile(0.5, int(rho), sums, laws.EVERY_UNIT, sums=laws.SUMS_OF_UNIFORMS)
        for rho, sums in zip(tall, later, strict=True)
    ],
}
largest["L + 1, behind the first block"] = behind

figure, axes = plots.new_figure(columns=2, width=5.2, height=3.8)
for number, (name, errors) in enumerate(largest.items()):
    place, widths = (axes[0, 0], units) if number < 2 else (axes[0, 1], tall)
    bands = [laws.quantile_band(row, 0.5, 0.95) for row in errors]
    medians = np.median(errors, axis=1)
    plots.curve_with_band(place, widths, medians, [b.low for b in bands], [b.high for b in bands], name)
    plots.predicted(place, widths, told[name], f"law: {name}", "--" if number % 2 else ":")
for place, width in zip(axes[0], ("hidden units a coordinate", "copies rho"), strict=True):
    plots.log2_axis(place)
    place.set_xlabel(plots.axis_label("width", width))
    place.set_ylabel(plots.axis_label("largest weight error", "1", "exact"))
    place.set_title(f"median of {seeds} sources, band 95 %")
    place.legend(fontsize=8)
Picture.of(figure)

# %% [markdown]
# L + 1 layers are no saving in weights: a layer of rho copies of each row and column has rho^2 random weights for each
# target weight, and rho sums.

# %%
for name, found in (("L + 1", ticket), ("2L", deep)):
    print(f"{name}: {found.source_network.weights:,} random weights, {found.kept:,} kept, width {copies}")

# %% [markdown]
# ## Checked
#
# A chain of mirrored ReLU blocks is a chain of affine maps, in integers. A pair is worth one bit, and so is a copy.

# %%
names = ["looks-linear-identity", "one-bit-a-mirrored-pair", "one-bit-a-copy"]
for name, claim, verdict in check_claims(find_claims(ROOT), names, SIZE):
    print(f"{name}, {claim.origin.value}: {claim.statement}\n{verdict}\n")
    assert verdict.outcome is claim.expected

# %% [markdown]
# ## Measured
#
# The experiment `looks-linear-law`, 60 sources a point. At 48 hidden units a coordinate, pairs have a largest weight
# error 10 and 34 times smaller than two-layer sums with the sign-optimal split, the same median weight error, and a
# source in which half of the weights mirror the other half.

# %%
Picture.read(ROOT / "experiments" / "looks-linear-law" / "looks-linear-law.png")

# %% [markdown]
# The experiment `replicated-rows-law`, 40 sources a width. Behind the first block the slope is -0.96 and -0.95 bits a
# copy (law -0.93 and -0.92). Right: activations other than ReLU have a floor in the first block, which falls with the
# declared scale as its law says.

# %%
Picture.read(ROOT / "experiments" / "replicated-rows-law" / "replicated-rows-law.png")
