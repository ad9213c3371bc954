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
# # 6. Transformers, and why the published exponent is not the exponent
#
# **Theorem** (Otsuka, Chijiwa, Okoshi, Fujiki, Takeuchi, Motomura 2026, theorems 11 and 14; their constant is not
# given). Blocks x -> F(y) + y, y = Attn(x) + x, without normalisation, all matrices of spectral norm at most 1. A
# random transformer of as many blocks, with feed-forward networks of twice the depth, has a mask that comes within e of
# the target on all tokens of a ball, if its hidden dimensions are n = O(d log(1 / e)) a block, with factors that grow
# with the number of blocks.
#
# So the error falls exponentially in n, and theory says with which exponent. The paper's figures show another one,
# about six times smaller. This notebook finds where it comes from.

# %%
import os
from pathlib import Path

import numpy as np

import slt
from slt import laws, plots
from slt.claims import Size, check_claims, find_claims
from slt.pictures import Picture, side_by_side, sums_on_a_line, ticket_picture

SIZE = Size(os.environ.get("SLT_NOTEBOOK_SIZE", "full"))
ROOT = next(p for p in [Path.cwd(), *Path.cwd().parents] if (p / "proofs_check").is_dir())

# %% [markdown]
# ## A transformer and its ticket
#
# Two blocks of one head, tokens of two coordinates, one linear map as feed-forward network, as in the paper's figure 6.

# %%
drawn = {}
for name in [f"block {b}, {part}" for b in range(2) for part in ("query", "key", "value", "output", "feed-forward")]:
    matrix = slt.Normal().draw(slt.Key(5) / "course" / name, (1, 2, 2))[0].astype(np.float64)
    drawn[name] = matrix / np.linalg.norm(matrix, 2)
attentions = [
    slt.AttentionTarget.from_arrays(*[[drawn[f"block {b}, {part}"]] for part in ("query", "key", "value", "output")])
    for b in range(2)
]
feed_forwards = [slt.Target.from_arrays([drawn[f"block {b}, feed-forward"]]) for b in range(2)]
target = slt.TransformerTarget.from_parts(attentions, feed_forwards)
ticket = slt.find_ticket(target, width=12, seed=0, construction=slt.Transformer())
print(ticket)
print(ticket.verify())
Picture.of(ticket_picture(ticket, columns=3))

# %% [markdown]
# Attention has no ReLU between its random matrices, so every unit serves: at width 12 each entry of a merged matrix is
# a sum over 12 units. A feed-forward entry is a sum over those of the 12 whose sign fits, about 6, and there is one for
# positive and one for negative inputs. Hence the one is matched well at this width, the other badly.

# %%
attention, feed_forward = ticket.collapsed().blocks[0]
wanted = attentions[0].merged()
Picture.of(side_by_side(wanted.value_output[0], attention.value_output[0], "values times outputs, 12 units"))

# %%
Picture.of(side_by_side(drawn["block 0, feed-forward"], feed_forward.layers[0].positive, "feed-forward, 12 units"))

# %% [markdown]
# ## Which part decides
#
# Over the width, the largest weight error of both parts, and the output error over 16 sequences of 6 tokens (a sampled
# lower bound). One bit a unit in attention, half a bit in the feed-forward networks: they decide, -ln 2 / (2 d) in
# n = d * width, however many blocks there are. The number of blocks shows in the factor alone.

# %%
seeds = SIZE.choose(smoke=4, full=30)
widths = np.array(SIZE.choose(smoke=(12, 20), full=(12, 16, 20, 24, 28, 32, 36, 40)))
tokens = np.ldexp(slt.Uniform().draw(slt.Key(6) / "course" / "tokens", (16, 6, 2)).astype(np.float64), -23)
tokens = slt.Ball(1.0).project(tokens.reshape(-1, 2)).reshape(tokens.shape)
parts = {name: np.full((len(widths), seeds), np.inf) for name in ("attention", "feed-forward")}
outputs = np.full((len(widths), seeds), np.inf)
for row, width in enumerate(widths):
    for seed in range(seeds):
        try:
            found = slt.find_ticket(target, width=int(width), seed=seed, max_items=26)
        except slt.errors.NoUsableItemError:
            continue  # no ticket, an infinite error
        sums = found.residuals().parts
        for name, errors in parts.items():
            errors[row, seed] = max(np.nanmax(np.abs(b.residual)) for p in sums if name in p for b in sums[p].branches)
        outputs[row, seed] = slt.sampled(found, target, tokens).value

entries = np.concatenate([np.r_[a.query_key.ravel(), a.value_output.ravel()] for a in (a.merged() for a in attentions)])
layers = [layer for f in feed_forwards for layer in slt.TwoLayerSum().law_layers(f, slt.Ball(1.0))]
items = np.minimum(widths, 26)  # attention has no more than it is allowed
told = {
    "attention": laws.largest_residual_quantile(0.5, items, entries),
    "feed-forward": [laws.network_error_quantile(0.5, int(width), layers) for width in widths],
}

figure, axes = plots.new_figure(columns=2, width=5.2)
for (name, errors), dashes in zip(parts.items(), ("--", ":"), strict=True):
    bands = [laws.quantile_band(row, 0.5, 0.95) for row in errors]
    low, high = [b.low for b in bands], [b.high for b in bands]
    plots.curve_with_band(axes[0, 0], widths, np.median(errors, axis=1), low, high, name)
    plots.predicted(axes[0, 0], widths, told[name], f"law: {name}", dashes)
axes[0, 0].set_ylabel(plots.axis_label("largest weight error", "1", "exact"))
bands = [laws.quantile_band(row, 0.5, 0.95) for row in outputs]
middle = np.median(outputs, axis=1)
plots.curve_with_band(axes[0, 1], widths, middle, [b.low for b in bands], [b.high for b in bands], "two blocks, median")
slope = laws.attention_error_slope(2)  # a unit of n = 2 * width, of sums over half of the units
plots.predicted(axes[0, 1], widths, middle[-1] * np.exp(slope * (widths - widths[-1])), "one bit for two units", ":")
axes[0, 1].set_ylabel(plots.axis_label("output error", "output", "sampled"))
for place in axes[0]:
    plots.log2_axis(place)
    place.set_xlabel(plots.axis_label("width", "units a coordinate, n / 2"))
    place.set_title(f"median of {seeds} sources, band 95 %")
    place.legend(fontsize=8)
Picture.of(figure)

# %% [markdown]
# The flat end of attention at width 26 is the number of items that a sum was allowed here. Up to a width of about 24
# neither law is a straight line: some weight is out of reach.
#
# ## The published decay
#
# For attention with d = 2 the exponent of the median is ln 2 / 2 = 0.347 a unit of the key dimension n_K = 2 * width.
# The paper draws the *mean* error over 100 sources on a straight scale, and fits 0.8 exp(-0.06 n_K). What the two
# have to do with each other can be seen on one sum with target 2. Two sources of ten products each: one reaches the
# target, and some sum is near it; for the other it lies beyond the end of the line.

# %%
law, n = slt.Uniform(), 10
factors = np.ldexp(law.draw(slt.Key(7) / "course" / "products", (2, 400, n)).astype(np.float64), -23)
products = factors[0] * factors[1]
reach = np.maximum(products, 0).sum(axis=1)
weight = 2.0
figure, axes = plots.new_figure(rows=2, width=9, height=1.7)
for place, source in zip(axes[:, 0], (reach.argmax(), np.argsort(reach)[200]), strict=True):
    sums_on_a_line(place, products[source], weight)
    place.set_xlim(-3, 3.6)
    place.set_title(f"the positive products add up to {reach[source]:.2f}")
print(f"{(reach < weight).mean():.1%} of 400 sources of {n} products do not reach {weight}")
print(f"normal approximation {laws.reach_failure_probability(weight, n):.1%}, mean reach n / 8 = {n / 8}")
Picture.of(figure)

# %% [markdown]
# A source that does not reach the weight has an error of what is missing, of order 1, however fine its sums are. The
# mean over sources is these sources, long after the median has become tiny; `slt.laws.expected_shortfall` knows the
# weight and the width and nothing of the density of sums. Below, the optima of 100 sources (within 2^-24, which the
# medians show at their end) for weights 1 and 2. The same sources give both curves.

# %%
sources = SIZE.choose(smoke=30, full=100)
sizes = np.array(SIZE.choose(smoke=(4, 8, 12, 16, 24, 32, 40, 50), full=range(2, 51, 2)))
factors = np.ldexp(law.draw(slt.Key(8) / "course" / "sources", (2, sources, 50)).astype(np.float64), -23)
products = factors[0] * factors[1]
errors = {
    weight: np.array(
        [slt.subset_sum.solve(products[:, :n], np.full(sources, weight), tolerance=2.0**-24).error for n in sizes]
    )
    for weight in (1.0, 2.0)
}
keys = 2 * sizes
published = laws.ExponentialFit(0.8, 0.06)

figure, axes = plots.new_figure(columns=2, width=5.2, height=3.8)
left, right = axes[0]
for number, (weight, table) in enumerate(errors.items()):
    fit, told_fit = laws.exponential_fit(keys, table.mean(axis=1)), laws.fitted_mean_exponent(weight, sizes, 2)
    print(
        f"weight {weight:g}: fit to the mean {fit.amplitude:.2f} exp(-{fit.exponent:.3f} n_K), law of the reach "
        f"exp(-{told_fit.exponent:.3f} n_K)"
    )
    colour, dashes = plots.PALETTE[number], ("--", ":")[number]
    left.plot(keys, table.mean(axis=1), "s", color=colour, label=f"mean, weight {weight:g}")
    plots.predicted(
        left, keys, laws.expected_shortfall(weight, sizes), f"law of the reach, {weight:g}", ("--", ":")[number]
    )
    bands = [laws.quantile_band(row, 0.5, 0.95) for row in table]
    low, high = [b.low for b in bands], [b.high for b in bands]
    plots.curve_with_band(right, keys, np.median(table, axis=1), low, high, f"median, weight {weight:g}", colour)
    right.plot(keys, table.mean(axis=1), "s", color=colour, label=f"mean, weight {weight:g}")
    plots.predicted(
        right, keys, laws.error_quantile(0.5, sizes, weight, laws.UNIFORM_PRODUCT), f"law of the median, {weight:g}",
        dashes,
    )  # fmt: skip
plots.predicted(left, keys, published.amplitude * np.exp(-published.exponent * keys), "published fit", "-.")
left.set_title("as published: mean, straight scale")
right.set_title("the same sources")
right.set_ylim(2.0**-30, 4)
plots.log2_axis(right)
for place in axes[0]:
    place.set_xlabel(plots.axis_label("key dimension n_K", "1"))
    place.set_ylabel(plots.axis_label("error of a sum", "1", "measured"))
    place.legend(fontsize=8)
Picture.of(figure)

# %% [markdown]
# A largest weight of 2 gives an exponent of 0.06. The fit measures the largest weight of the target.
#
# ## Checked
#
# The Lipschitz bound of a block, on which the recursion of theorem 14 stands: with the factor of its proof it holds
# against an adversary; as printed, without it, it does not.

# %%
names = ["attention-lemma-thirteen", "attention-lemma-thirteen-as-printed"]
for name, claim, verdict in check_claims(find_claims(ROOT), names, SIZE):
    print(f"{name}, {claim.origin.value}: {claim.statement}\n{verdict}\n")
    assert verdict.outcome is claim.expected

# %% [markdown]
# The bound is a worst case over all sequences, and the theorem pays for it: the hidden dimensions that it asks for, at
# error 0.01 with C = 1 / ln 2, grow with the square of the number of blocks. Measured, more blocks are a larger factor.

# %%
for blocks in (2, 3, 4):
    wide = laws.transformer_widths(0.01, blocks, coordinates=2)
    print(f"{blocks} blocks: feed-forward n = " + ", ".join(f"{width.feed_forward:.0f}" for width in wide))

# %% [markdown]
# ## Measured
#
# The experiment `attention-paper` repeats the paper's figures 4 to 6, mean and straight scale, for targets with largest
# merged weights from 0.8 to 2.2 (the paper's own are not given). All five exponents of the mean lie in 0.05 to 0.13 and
# within 8 % of the law of the reach; the median of the same sources falls as exp(-0.33 n_K) to exp(-0.35 n_K).

# %%
Picture.read(ROOT / "experiments" / "attention-paper" / "attention-paper.png")

# %% [markdown]
# The experiment `transformer-law`: one to four blocks, 200 sources. Over widths 40 to 64 the slopes are -0.44 to -0.48
# bits a unit of width, within 4 % of the law, and do not depend on the number of blocks.

# %%
Picture.read(ROOT / "experiments" / "transformer-law" / "errors.png")
