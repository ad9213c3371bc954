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
# # 10. How wide must it be
#
# **Theorem** (Malach, Yehudai, Shalev-Shwartz, Shamir 2020, theorem 2.1; recalled, its polynomial unverified). A random
# network whose width is polynomial in 1 / e holds a target within e: every weight finds one product of random weights
# near it.
#
# **Theorem** (Pensia, Rajput, Nagle, Vishwakarma, Papailiopoulos 2020, theorems 1 and 2; recalled, constants
# unverified). Subsets of products do with width C log(1 / e), and no method does with less than a constant share of
# that: a network with m weights to prune has only 2^m subnetworks.
#
# The first statement and the second differ by an exponential, and the second says that this is the end. This notebook
# puts numbers to all three.

# %%
import os
from pathlib import Path

import numpy as np

import slt
from slt import laws, plots
from slt.claims import Size, check_claims, find_claims
from slt.pictures import Picture, singles_on_a_line, sums_on_a_line

SIZE = Size(os.environ.get("SLT_NOTEBOOK_SIZE", "full"))
ROOT = next(p for p in [Path.cwd(), *Path.cwd().parents] if (p / "proofs_check").is_dir())

# %% [markdown]
# ## One product, or a subset of them
#
# The same ten products u v of random weights, above as candidates for a weight by themselves, below as items of sums.
# Ten candidates against 1,024.

# %%
weight = 0.37
factors = np.ldexp(slt.Uniform().draw(slt.Key(10) / "course" / "products", (2, 1, 10)).astype(np.float64), -23)
products = (factors[0] * factors[1])[0]
figure, axes = plots.new_figure(rows=2, width=9, height=1.7)
singles_on_a_line(axes[0, 0], products, weight)
sums_on_a_line(axes[1, 0], products, weight)
for place in axes[:, 0]:
    place.set_xlim(-2, 2)
Picture.of(figure)

# %% [markdown]
# ## The needed width of one weight
#
# A tolerance makes a needed width an exact integer: the first width at which the draw serves, since width n is a prefix
# of width n + 1. `findings.needed_width` has it. The weight 0.37 on [-1, 1], with both signs of the input, for three
# constructions: one product a sign; a subset a sign, of units of that sign; mirrored pairs, one subset for both.
#
# The laws are `slt.laws.needed_width_quantile` with another law of the single sum each. Nothing is fitted. The lower
# bound is `slt.laws.needed_parameters`, a theorem: with fewer weights that a mask decides over, here one a unit, a
# target uniform on [-1, 1] is missed half of the time or more. It says nothing of one given weight such as 0.37.

# %%
seeds = SIZE.choose(smoke=15, full=100)
bits = np.array(SIZE.choose(smoke=(3, 6), full=(2, 4, 6, 8, 10)))
one, interval = slt.Target.from_arrays([np.array([[weight]])]), slt.Box(-1.0, 1.0)
law_layers = slt.TwoLayerSum().law_layers(one, interval)
cases = {  # construction, enough width for all seeds, law of the number of units, law of a sum
    "single match": (slt.SingleMatch(), 1 << 15, laws.SIGN_OPTIMAL, laws.SINGLE_MATCH),
    "subset sums": (slt.TwoLayerSum(), 80, laws.SIGN_OPTIMAL, laws.SUMS_OF_PRODUCTS),
    "mirrored pairs": (slt.LooksLinear(), 40, laws.EVERY_UNIT, laws.SUMS_OF_PRODUCTS),
}
figure, axes = plots.new_figure(columns=2, width=5.4, height=3.8)
for number, (name, (construction, enough, units, sums)) in enumerate(cases.items()):
    needed = np.array(
        [
            [
                slt.find_ticket(
                    one, enough, seed, interval, tolerance=2.0 ** -int(b), construction=construction
                ).findings.needed_width
                for seed in range(seeds)
            ]
            for b in bits
        ],
        dtype=np.float64,
    )
    bands = [laws.quantile_band(row, 0.5, 0.95) for row in needed]
    told = [laws.needed_width_quantile(0.5, 2.0 ** -int(b), law_layers, units, sums=sums) for b in bits]
    print(f"{name}: medians {np.median(needed, axis=1).tolist()}, law {told}")
    for place in axes[0]:
        low, high = [band.low for band in bands], [band.high for band in bands]
        plots.curve_with_band(place, bits, np.median(needed, axis=1), low, high, name, plots.PALETTE[number])
        plots.predicted(place, bits, told, "laws" if number == 0 else "_")
for place, title in zip(axes[0], ("straight scale", "the same, logarithmic"), strict=True):
    plots.predicted(place, bits, laws.needed_parameters(2.0**-bits, 1), "lower bound, uniform targets", ":")
    place.set_xlabel(plots.axis_label("log2 of 1 / error", "bits"))
    place.set_ylabel(plots.axis_label("needed width", "units or pairs"))
    place.set_title(f"median of {seeds} sources, band 95 %: {title}", fontsize=9)
axes[0, 0].set_ylim(0, 60)
plots.log2_axis(axes[0, 1])
plots.legend(axes[0, 1])
Picture.of(figure)

# %% [markdown]
# A single match pays a factor 4 for two more bits. Sums pay a unit a bit where every unit serves, two where a ReLU
# leaves half of them. The lower bound has the slope of mirrored pairs, one bit for each that the mask decides over, and
# lies a unit or two below them.
#
# ## A whole network
#
# All sums of a network have to succeed, so the needed width is that of the worst. Left, for a network 2-4-3-1 and the
# error 2^-b of its weights: the width that half of the sources need at most, that 90 % do, and the law for both. Right,
# what it costs in random weights, by the laws alone. The lower bound there counts all weights of a source, those of
# first layers too, over which these proofs decide nothing.

# %%
matrices = []
for name, rows, columns in (("first", 4, 2), ("second", 3, 4), ("third", 1, 3)):
    drawn = slt.Normal().draw(slt.Key(10) / "course" / name, (1, rows, columns))[0].astype(np.float64)
    matrices.append(drawn / np.linalg.norm(drawn, 2))
target, ball = slt.Target.from_arrays(matrices), slt.Ball(1.0)
network = slt.TwoLayerSum().law_layers(target, ball)
sources = SIZE.choose(smoke=6, full=60)
figure, axes = plots.new_figure(columns=2, width=5.4, height=3.8)
left, right = axes[0]
needed = np.array(
    [
        [slt.find_ticket(target, 96, s, ball, tolerance=2.0 ** -int(b)).findings.needed_width for s in range(sources)]
        for b in bits
    ],
    dtype=np.float64,
)
for share, dashes in ((0.5, "--"), (0.9, ":")):
    bands = [laws.quantile_band(row, share, 0.95) for row in needed]
    middle, low, high = ([getattr(b, end) for b in bands] for end in ("estimate", "low", "high"))
    plots.curve_with_band(left, bits, middle, low, high, f"{share:.0%} of {sources} sources")
    told = [laws.needed_width_quantile(share, 2.0 ** -int(b), network) for b in bits]
    plots.predicted(left, bits, told, f"law, {share:.0%}", dashes)
left.set_ylabel(plots.axis_label("needed width", "hidden units a coordinate"))
left.set_title("subset sums, network 2-4-3-1")

told_bits = np.array(SIZE.choose(smoke=(2, 6), full=(2, 5, 8, 11, 14, 17, 20)))
wanted = sum(matrix.size for matrix in matrices)
weights_a_unit = slt.find_ticket(target, 24, 0, ball, max_items=12).source_network.weights / 24
for name, (_, _, units, sums) in cases.items():
    at = told_bits[told_bits <= 12] if name == "single match" else told_bits
    widths = [laws.needed_width_quantile(0.5, 2.0 ** -int(b), network, units, sums=sums) for b in at]
    units_each = 2 if name == "mirrored pairs" else 1
    right.plot(at, weights_a_unit * units_each * np.array(widths), "o-", label=name)
plots.predicted(right, told_bits, laws.needed_parameters(2.0**-told_bits, wanted), "lower bound, uniform targets", ":")
plots.log2_axis(right)
right.set_ylabel(plots.axis_label("random weights", "count", "predicted"))
right.set_title(f"median source, {wanted} weights")
for place in axes[0]:
    place.set_xlabel(plots.axis_label("log2 of 1 / error of a weight", "bits"))
    place.legend(fontsize=8)
Picture.of(figure)

# %% [markdown]
# ## Checked
#
# The lower bound, in exact arithmetic, for networks with few enough subnetworks to list: the share of targets near some
# of them is at most 2^m e^D. For one network it is an equality, so the bound cannot be better in general.

# %%
for name, claim, verdict in check_claims(find_claims(ROOT), ["few-subnetworks-cover-few-targets"], SIZE):
    print(f"{name}, {claim.origin.value}: {claim.statement}\n{verdict}")
    assert verdict.outcome is claim.expected

# %% [markdown]
# ## Measured
#
# The experiment `constructions-compared`: seven constructions, the same targets, the same seeds, as many random
# weights, 40 sources; errors of the output on the unit ball. Sums need 7 to 10 times fewer weights than single matches
# for an error of 0.01, and the ratio grows as 1 / error.

# %%
Picture.read(ROOT / "experiments" / "constructions-compared" / "constructions-compared.png")

# %% [markdown]
# The experiment `mlp-law`, 200 sources a width: the largest weight error beside the lower bounds. At width 48 sums have
# 15.9 and 13.9 bits, where the second layers, over which they decide, allow 48 at most. Half of the units have the
# wrong sign, and the worst weight costs more than the typical one.

# %%
Picture.read(ROOT / "experiments" / "mlp-law" / "bounds.png")

# %% [markdown]
# The experiment `needed-width`, 20,000 draws of single sums: the law of notebook 1 names the measured integer in all 45
# cases.

# %%
Picture.read(ROOT / "experiments" / "needed-width" / "needed-width.png")
