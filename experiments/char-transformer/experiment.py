"""A small causal transformer trained on Shakespeare, and a random one pruned to it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import slt
from slt import plots
from slt.records import Record
from slt.runner import Config, Experiment

QUANTILES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0)
START = "\n"


class CharTransformer(Experiment):
    """One unit trains once and prunes one random network a tolerance; the finest is looked at closely."""

    name = "char-transformer"
    claim = "a random network pruned layer by layer has a trained causal transformer's validation loss within 0.01 nats"
    alone = True
    default_config = {  # noqa: RUF012
        "data": "tinyshakespeare",
        "layers": 4,
        "width": 128,
        "heads": 4,
        "context": 128,
        "steps": 1000,
        "batch": 16,
        "rate": 2e-3,
        "units": 64,
        "tolerances": [0.1, 0.03, 0.01, 0.001, 0.0001, 0.00001],
        "sampled": 400,
        "seeds": 1,
    }
    smoke_config = {  # noqa: RUF012
        "data": "alphabet",
        "layers": 1,
        "width": 16,
        "heads": 2,
        "context": 16,
        "steps": 40,
        "tolerances": [0.1, 0.001],
        "sampled": 40,
    }

    def units(self, config: Config) -> Sequence[Config]:
        kept = {k: v for k, v in config.items() if k != "seeds"}
        return [{**kept, "seed": seed} for seed in range(config["seeds"])]

    def measure(self, unit: Config) -> Mapping[str, Any]:
        import torch
        from torch import nn

        from slt.text import read

        from .model import drawn, loss_of, sample, train

        text, context = read(unit["data"]), unit["context"]
        alphabet = sorted(set(text))
        number = {c: i for i, c in enumerate(alphabet)}
        characters = torch.tensor([number[c] for c in text])
        split = len(text) * 9 // 10
        training, held = characters[:split], characters[split:]
        shape = (len(alphabet), context, unit["width"], unit["heads"], unit["layers"])

        model = drawn(*shape, unit["seed"])
        start = time.perf_counter()
        curve = train(model, training, held, context, unit["steps"], unit["batch"], unit["rate"], unit["seed"])
        trained = time.perf_counter() - start
        model.requires_grad_(False).eval()
        target = loss_of(model, held, context)

        rows = []
        for tolerance in unit["tolerances"]:
            start = time.perf_counter()
            ticket = slt.find_ticket(model, unit["units"], unit["seed"], tolerance=tolerance)
            spent = time.perf_counter() - start
            pruned = ticket.collapsed_module()
            rows.append(
                {
                    "tolerance": tolerance,
                    "loss": loss_of(pruned, held, context),
                    "seconds": spent,
                    "missed": ticket.findings.missed,
                    "density": ticket.density,
                    "entropy_bytes": ticket.entropy_bits / 8,
                }
            )
        # the last ticket, whole: the random network materialised, verified, and what it is without its mask
        ticket.verify()
        some = held[: 20 * context + 1]
        whole, unpruned = ticket.module(), ticket.source()
        emptied = ticket.collapsed_module()
        for name, parameter in emptied.named_parameters():
            if name.endswith((".positive", ".negative")):
                nn.init.zeros_(parameter)
        with torch.no_grad():
            apart = float((whole(some[None, :context]) - pruned(some[None, :context])).abs().max())
        words = [number[c] for c in START if c in number] or [0]
        written = [
            "".join(alphabet[i] for i in sample(m, words, unit["sampled"], context, 0.8, unit["seed"]))
            for m in (model, pruned)
        ]
        same = next((i for i, (a, b) in enumerate(zip(*written, strict=True)) if a != b), len(written[0]))
        tree = ticket.target
        return {
            "weights": tree.weights,
            "carried": ticket.carried_count,
            "replaced_fraction": tree.replaced_fraction,
            "random_weights": ticket.source_network.weights,
            "sums": ticket.findings.sums,
            "curve": curve,
            "training_seconds": trained,
            "target_loss": target,
            "tickets": rows,
            "error_quantiles": np.quantile(ticket.residuals().errors, QUANTILES),
            "largest_difference_of_logits_to_the_materialised_network": apart,
            "loss_on_some": loss_of(pruned, some, context),
            "materialised_loss_on_some": loss_of(whole, some, context),
            "unpruned_loss_on_some": loss_of(unpruned, some, context),
            "carried_alone_loss_on_some": loss_of(emptied, some, context),
            "text_of_target": written[0],
            "text_of_ticket": written[1],
            "characters_alike": same,
        }

    def figure(self, records: Sequence[Record], folder: Path) -> list[Path]:
        result = records[0]["result"]
        figure, axes = plots.new_figure(1, 3, width=4.6)
        left, middle, right = axes[0]
        with plots.style():
            steps, batch, held = np.array(result["curve"]).T
            left.plot(steps, batch, color=plots.PALETTE[5], alpha=0.7, label="target, training batch")
            left.plot(steps, held, color=plots.PALETTE[0], label="target, start of the validation text")
            left.plot(
                steps[-1:],
                [result["target_loss"]],
                "*",
                color=plots.PALETTE[0],
                markersize=9,
                label="target, whole validation text",
            )
            ticket = result["tickets"][-1]["loss"]
            left.axhline(ticket, color=plots.PALETTE[1], linestyle=":", label="its ticket, whole validation text")
            left.set_xlabel(plots.axis_label("training step of the target", "1"))
            left.set_ylabel(plots.axis_label("cross-entropy", "nats a character", "measured"))
            left.set_title("the ticket is never trained")
            left.legend(fontsize=8)

            middle.plot(result["error_quantiles"][1:], QUANTILES[1:], "o-", color=plots.PALETTE[1])
            middle.axvline(records[0]["config"]["tolerances"][-1], color=plots.GREY, linestyle="--", label="tolerance")
            middle.set_xscale("log")
            middle.set_xlabel(plots.axis_label("error of a weight", "1", "exact"))
            middle.set_ylabel(plots.axis_label("share of the sums", "1"))
            middle.set_title(f"{result['sums']:,} sums, finest tolerance")
            middle.legend(fontsize=8, loc="upper left")

            tolerances = [row["tolerance"] for row in result["tickets"]]
            gaps = [abs(row["loss"] - result["target_loss"]) for row in result["tickets"]]
            right.plot(tolerances, gaps, "o-", color=plots.PALETTE[1])
            right.axhline(0.01, color=plots.GREY, linestyle="--", label="0.01 nats")
            right.set_xscale("log")
            right.set_yscale("log")
            right.set_xlabel(plots.axis_label("tolerance of a weight", "1"))
            right.set_ylabel(plots.axis_label("|loss of ticket - target|", "nats", "measured"))
            right.set_title("whole validation text")
            right.legend(fontsize=8)
        return plots.save(figure, folder / "char-transformer")

    def summary(self, records: Sequence[Record]) -> str:
        lines = []
        for record in records:
            result, last = record["result"], record["result"]["tickets"][-1]
            gap = last["loss"] - result["target_loss"]
            quantiles = dict(zip(QUANTILES, result["error_quantiles"], strict=True))
            lines += [
                f"seed {record['config']['seed']}: target of {result['weights']:,} linear weights trained in "
                f"{result['training_seconds']:.0f} s to {result['target_loss']:.4f} nats a character on the "
                "validation text",
                f"ticket at tolerance {last['tolerance']:g} in {last['seconds']:.0f} s: {last['loss']:.4f}, "
                f"a difference of {gap:+.5f} nats: {'within' if abs(gap) <= 0.01 else 'NOT within'} 0.01",
                f"weight error: median {quantiles[0.5]:.1e}, 99% {quantiles[0.99]:.1e}, largest {quantiles[1.0]:.1e}; "
                f"{last['missed']:,} of {result['sums']:,} sums beyond the tolerance",
                f"{result['replaced_fraction']:.2%} of the target's numbers became random weights times a mask "
                f"({result['random_weights']:,}, of them {last['density']:.3f} kept), {result['carried']:,} carried",
                f"for comparison, on the first characters: ticket {result['loss_on_some']:.3f}, the random network "
                f"without its mask {result['unpruned_loss_on_some']:.3g}, the carried numbers alone "
                f"{result['carried_alone_loss_on_some']:.3f} (its logits are all 0)",
                f"texts sampled from both agree in their first {result['characters_alike']} of "
                f"{record['config']['sampled']} characters",
            ]
        return "\n".join(lines)


EXPERIMENT = CharTransformer()
