"""The main job on real input: train a target, prune a random network into it, prove and measure what came out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from decimal import ROUND_CEILING
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np

from slt import laws
from slt.constructions import TwoLayerSum, find_ticket
from slt.constructions.construction import Request
from slt.data import Images
from slt.domains import Box
from slt.errors import DataError
from slt.scoring import Score, ascend, certified, sampled
from slt.scoring.score import shown
from slt.targets import Target
from slt.tickets import Ticket
from slt.training import accuracy, multilayer_perceptron, outputs, train
from slt.weights import Key, Uniform

if TYPE_CHECKING:
    from torch import nn

HIDDEN = 500
STARTS = 100  # test images from which the search for the worst input starts
Progress = Callable[[int, int], None]
Bar = Callable[[str], AbstractContextManager[Progress | None]]  # a progress bar for a named stage


@final
@dataclass(frozen=True, eq=False)
class Demo:
    """What the demo did; ``table`` prints it."""

    images: Images
    model: nn.Module
    ticket: Ticket
    tolerance: float
    target_accuracy: float
    ticket_accuracy: float
    missed: int
    errors: np.ndarray  # of every weight
    logits: tuple[np.ndarray, np.ndarray]  # target's and ticket's, (count, 10) each
    on_test_images: Score
    worst_found: Score
    certificate: Score
    round_off: float
    law_widths: np.ndarray
    law_no_miss: np.ndarray
    law_median: float
    verified: str
    file: Path
    figures: list[Path]
    seconds: dict[str, float]

    def table(self) -> str:
        """The numbers, one a line."""
        ticket, findings = self.ticket, self.ticket.findings
        weights = Target.of(self.model).weights
        needed = findings.needed_width
        quantiles = np.quantile(self.errors, [0.5, 0.99, 1])
        used = f"{needed or f'more than {self._width}'} of {self._width} hidden units a coordinate"
        train_count, test_count = len(self.images.train_x), len(self.images.test_x)
        size, bound = self.file.stat().st_size, ticket.entropy_bits / 8
        rows = [
            ("data", f"{self.images.name}, {train_count:,} training and {test_count:,} test images"),
            ("random network", f"{ticket.source_network.weights:,} weights, {ticket.source_network.key}"),
            ("accuracy of the target", f"{self.target_accuracy:.2%}"),
            ("accuracy of the ticket", f"{self.ticket_accuracy:.2%} (the pruned random network itself, float32)"),
            ("weights within tolerance", f"{weights - self.missed:,} of {weights:,} within {self.tolerance:g}"),
            ("error of a weight", "median {:.2g}, 99% {:.2g}, largest {:.2g}".format(*quantiles)),
            ("items a weight", f"{findings.kept / findings.sums:.2f} random products summed"),
            ("density", f"{ticket.density:.4f} of the random network kept ({ticket.kept:,} weights)"),
            ("width needed", f"{used}; the law's median is {self.law_median:g}"),
            ("on test images", str(self.on_test_images)),
            ("worst input found", str(self.worst_found)),
            ("certificate", str(self.certificate)),
            ("certified / found", f"{self.certificate.value / max(self.worst_found.value, 1e-300):.1f}"),
            ("float32 round-off", f"{self.round_off:.2g} on test images (apart from the two bounds above)"),
            ("ticket file", f"{size:,} bytes; {bound:,.0f} is the entropy bound of its masks"),
            ("written", ", ".join(str(p) for p in [self.file, *self.figures])),
            ("seconds", ", ".join(f"{stage} {s:.1f}" for stage, s in self.seconds.items())),
        ]
        return "\n".join(f"{name:<26}{value}" for name, value in rows)

    def conclusion(self) -> str:
        """Three lines that say what was shown."""
        weights = Target.of(self.model).weights
        return "\n".join(
            (
                f"Shown: {weights - self.missed:,} of {weights:,} trained weights are sums of products of fixed random "
                f"numbers, within {self.tolerance:g}; {self.ticket.carried_count} numbers were carried over.",
                f"Proved: every weight of the ticket is the random network's or zero, bit for bit; over all inputs in "
                f"[0, 1] its outputs are at most {shown(self.certificate.value, ROUND_CEILING)} from the target's.",
                f"Measured: the pruned random network classifies {self.ticket_accuracy:.2%} of the test images, the "
                f"trained one {self.target_accuracy:.2%}; nothing in the random network was ever trained.",
            )
        )

    @property
    def _width(self) -> int:
        return int(self.ticket.source_network.width)  # type: ignore[attr-defined]


@final
@dataclass
class _Clock:
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start


def no_bar(stage: str) -> AbstractContextManager[Progress | None]:
    """Shows nothing."""
    return nullcontext()


def demo(
    images: Images,
    folder: Path,
    width: int = 64,
    seed: int = 0,
    tolerance: float = 0.01,
    epochs: int | None = None,
    hidden: int = HIDDEN,
    bar: Bar = no_bar,
) -> Demo:
    """Trains pixels-``hidden``-10 without biases on ``images``, finds the ticket of ``seed``, scores it, writes files.

    ``folder`` receives the ticket and the figure; it is made if needed. DataError if it cannot be.
    """
    model = multilayer_perceptron((images.pixels, hidden, int(images.train_y.max()) + 1), seed=seed)
    # what is wrong with the request is said before anything is trained or written
    Request(Target.of(model), width, Key(seed), Uniform(), Box(0.0, 1.0), tolerance, max_items=1)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"demo: the folder {folder} cannot be made ({error.strerror}); give another with --into"
        ) from error
    clock, box = _Clock(), Box(0.0, 1.0)
    with clock("train"), bar("training the target") as progress:
        train(model, images, epochs=epochs, seed=seed, progress=progress)
    with clock("find"), bar("pruning the random network") as progress:
        ticket = find_ticket(model, width=width, seed=seed, inputs=box, tolerance=tolerance, progress=progress)
    with clock("verify"), bar("verifying source x mask"):
        verified = str(ticket.verify())
    with clock("run"), bar("running the pruned network") as progress:
        single = outputs(ticket.module(), images.test_x, progress=progress)
    with clock("score"), bar("scoring"):
        inputs = images.test_x.astype(np.float64)
        target_logits, logits = Target.of(model).forward(inputs), ticket.collapsed().forward(inputs)
        residuals = ticket.residuals()
        on_test_images = sampled(ticket, model, inputs)
        worst_found = sampled(ticket, model, ascend(ticket, model, box, inputs[:STARTS]))
        certificate = certified(ticket, model, box)
    with clock("law"), bar("predicting the width"):
        layers = TwoLayerSum().law_layers(Target.of(model), box)
        law_median = laws.needed_width_quantile(0.5, tolerance, layers)
        law_widths = np.unique(np.linspace(0.75 * law_median, 1.35 * law_median, 10).astype(np.int64))
        no_miss = np.array([laws.network_no_miss_probability(tolerance, int(w), layers) for w in law_widths])
    with clock("write"):
        file = ticket.save(folder / f"{images.name}.slt")
    done = Demo(
        images=images,
        model=model,
        ticket=ticket,
        tolerance=tolerance,
        target_accuracy=accuracy(outputs(model, images.test_x), images.test_y),
        ticket_accuracy=accuracy(single, images.test_y),
        missed=len(residuals.beyond(tolerance)),
        errors=residuals.errors,
        logits=(target_logits, logits),
        on_test_images=on_test_images,
        worst_found=max(on_test_images, worst_found, key=float),
        certificate=certificate,
        round_off=float(np.abs(single - logits).max()),
        law_widths=law_widths,
        law_no_miss=no_miss,
        law_median=law_median,
        verified=verified,
        file=file,
        figures=[],
        seconds=clock.seconds,
    )
    with clock("write"):
        from slt.demo_figure import draw

        done.figures.extend(draw(done, folder / images.name))
    return done
