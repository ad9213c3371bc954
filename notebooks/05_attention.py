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
# # 5. Attention
#
# **Theorem** (Otsuka, Chijiwa, Okoshi, Fujiki, Takeuchi, Motomura, AAAI 2026, arXiv 2511.04217, theorem 3; its constant
# C is not given). Take multi-head attention with H heads, tokens of d1 numbers and norm at most alpha, and matrices of
# spectral norm at most 1. A random attention with key and value dimensions n_K >= d1 C log(8 H alpha^3 d1^(3/2) / e)
# and n_V >= d1 C log(2 H alpha d1 sqrt(d2) / e), for outputs of d2 numbers, can be pruned so that every output token is
# within e, with probability 1 - e, for sequences of any length.
#
# The idea is two layers for one again, but the two layers are already there: attention depends on W_Q and W_K only
# through the merged matrix W_Q W_K^T / sqrt(d_K), and on W_V and W_O only through W_V W_O. No ReLU stands between them,
# so every unit serves both signs of an input.

# %%
import os
from pathlib import Path

import numpy as np
import torch

import slt
from slt import laws, plots
from slt.claims import Size, check_claims, find_claims
from slt.merged_attention import softmax
from slt.pictures import Picture, side_by_side, ticket_picture
from slt.scoring import attention_bounds

SIZE = Size(os.environ.get("SLT_NOTEBOOK_SIZE", "full"))
ROOT = next(p for p in [Path.cwd(), *Path.cwd().parents] if (p / "proofs_check").is_dir())

# %% [markdown]
# ## A target and its ticket
#
# Two heads on tokens of three numbers. With a width of 8 units a coordinate, each head of the random attention has a
# key dimension of 24.

# %%
d, heads, width = 3, 2, 8
matrices = []
for name in ("query", "key", "value", "output"):
    drawn = slt.Normal().draw(slt.Key(5) / "course" / name, (heads, d, d)).astype(np.float64)
    matrices.append(drawn / np.linalg.norm(drawn, 2, axis=(1, 2))[:, None, None])
target = slt.AttentionTarget.from_arrays(*matrices)
ball = slt.Ball(float(np.sqrt(d)))  # of every token
ticket = slt.find_ticket(target, width=width, seed=0, inputs=ball, construction=slt.Attention())
print(ticket)
print(ticket.verify())
print(f"{ticket.findings.sums} subset sums: {heads} heads x 2 merged matrices x {d} x {d} entries")

# %% [markdown]
# The masks, kept weights coloured by sign. Keys and values are structured: unit k of coordinate j keeps its weight from
# input j alone, whatever the target. Queries and outputs carry the subset sums. The upper half of the rows is one head,
# the lower half the other.

# %%
Picture.of(ticket_picture(ticket))

# %% [markdown]
# ## The merged matrices beside the target
#
# Entry (i, j) of W_Q W_K^T is the sum of q_ik k_jk over the kept units k of coordinate j; other units have k_jk = 0.
# It is worked out here by hand, and is what `ticket.collapsed()` holds. The random queries and keys are uniform on
# [-1, 1] up to the theorem's factor n_K^(1/4), which cancels the 1 / sqrt(d_K) of the softmax.

# %%
kept = {name: tensor.double().numpy() for name, tensor in ticket.kept_weights().items()}
wanted, found = target.merged(), ticket.collapsed()
first = slice(0, d * width)  # the units of the first head
assert np.allclose(kept["query.weight"][first].T @ kept["key.weight"][first], found.query_key[0], rtol=0, atol=1e-12)
Picture.of(side_by_side(wanted.query_key[0], found.query_key[0], "head 1, queries with keys"))

# %%
Picture.of(side_by_side(wanted.value_output[0], found.value_output[0], "head 1, values with outputs"))

# %% [markdown]
# What the softmax makes of them: who attends to whom, among six tokens.

# %%
tokens = np.ldexp(slt.Uniform().draw(slt.Key(5) / "course" / "tokens", (1, 256, d)).astype(np.float64), -23)
few = tokens[0, :6]
attended = [softmax(few @ merged.query_key[0] @ few.T, None) for merged in (wanted, found)]
Picture.of(side_by_side(*attended, "head 1, attention weights"))

# %% [markdown]
# ## Sampled, certified, and the paper's bound
#
# The sampled error is of given sequences, the certified one of all sequences of any length in the ball, under any mask.
# The paper's chain of inequalities, with the residuals of this very ticket, comes after both.

# %%
with torch.no_grad():
    x = torch.from_numpy(tokens)
    answers = ticket.module(torch.float64)(x, x, x)[0].numpy()
assert np.allclose(answers, found.forward(tokens), rtol=0, atol=1e-9)
sampled = slt.sampled(ticket, target, tokens, order=2)
bounds = attention_bounds(found, target, ball, order=2)
assert sampled.value <= bounds.certified.value <= bounds.paper.value
print(f"{sampled}\n{bounds.certified}\n{bounds.paper}")

# %% [markdown]
# ## The law
#
# An entry has `width` products as candidates, so errors fall by one bit a unit of width, or 1 / d1 bit a unit of the
# key dimension (`slt.laws.attention`). Two-layer sums behind an input of both signs have half a bit.

# %%
seeds = SIZE.choose(smoke=6, full=60)
widths = np.array(SIZE.choose(smoke=(8, 12), full=(8, 11, 14, 17, 20)))
lengths = np.array(SIZE.choose(smoke=(4, 64), full=(2, 4, 8, 16, 32, 64, 128, 256)))
entries = np.concatenate([wanted.query_key.ravel(), wanted.value_output.ravel()])
rows = {name: np.empty((len(widths), seeds)) for name in ("largest entry", "sampled", "certified", "as in the paper")}
by_length = np.empty((len(lengths), seeds))
for i, units in enumerate(widths):
    for seed in range(seeds):
        one = slt.find_ticket(target, width=int(units), seed=seed, inputs=ball)
        merged = one.collapsed()
        bounds = attention_bounds(merged, target, ball, order=2)
        rows["largest entry"][i, seed] = one.residuals().errors.max()
        rows["sampled"][i, seed] = slt.sampled(merged, target, tokens[:, :64], order=2).value
        rows["certified"][i, seed] = bounds.certified.value
        rows["as in the paper"][i, seed] = bounds.paper.value
        if i == 1:
            for place, length in enumerate(lengths):
                alone = slt.sampled(merged, target, tokens[:, :1], keys=tokens[:, :length], order=2)
                by_length[place, seed] = alone.value

figure, axes = plots.new_figure(columns=2, width=5.2, height=3.8)
for name, errors in rows.items():
    bands, medians = [laws.quantile_band(row, 0.5, 0.95) for row in errors], np.median(errors, axis=1)
    plots.curve_with_band(axes[0, 0], widths, medians, [b.low for b in bands], [b.high for b in bands], name)
law = [laws.largest_residual_quantile(0.5, int(units), entries) for units in widths]
plots.predicted(axes[0, 0], widths, law, "law of the largest entry")
axes[0, 0].set_xlabel(plots.axis_label("width", "units a coordinate"))
axes[0, 0].set_ylabel(plots.axis_label("error of an entry or a token", "1"))
bands, medians = [laws.quantile_band(row, 0.5, 0.95) for row in by_length], np.median(by_length, axis=1)
told = f"width {widths[1]}, one query"
plots.curve_with_band(axes[0, 1], lengths, medians, [b.low for b in bands], [b.high for b in bands], told)
plots.log2_axis(axes[0, 1], "x")
axes[0, 1].set_ylim(bottom=0)
axes[0, 1].set_xlabel(plots.axis_label("length of the sequence", "tokens"))
axes[0, 1].set_ylabel(plots.axis_label("error of one output", "1", "sampled"))
plots.log2_axis(axes[0, 0])
for place in axes[0]:
    place.set_title(f"median of {seeds} sources, band 95 %")
    place.legend(fontsize=8)
Picture.of(figure)

# %% [markdown]
# Longer sequences do not make it worse: softmax averages, however many tokens there are. That is the lemma the theorem
# stands on.
#
# ## Checked
#
# If every logit moves by at most e, the output of a head moves by at most alpha e, whatever the length. The paper's
# lemmas 8 and 5 hold, with room: 4 sqrt(d1) alpha e, the latter for e <= 1/2.

# %%
names = ["attention-softmax-constant", "attention-lemma-eight"]
for name, claim, verdict in check_claims(find_claims(ROOT), names, SIZE):
    print(f"{name}, {claim.origin.value}: {claim.statement}\n{verdict}\n")
    assert verdict.outcome is claim.expected

# %% [markdown]
# ## Measured
#
# The experiment `attention-law`, 200 sources a width, two to four coordinates, one to eight heads. All 24 slopes are
# within 8 % of the law. Certified errors are 3.0 to 12.6 times the sampled ones at width 26, the paper's bound 7.3 to
# 91 times. From 8 to 4,096 keys the median error falls slightly.

# %%
Picture.read(ROOT / "experiments" / "attention-law" / "widths.png")
