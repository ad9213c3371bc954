"""A network whose parameters are a mask over random tensors, while the mask is searched for."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, final

import torch
from torch import nn
from torch.func import functional_call

from slt.errors import InputError, UnsupportedModuleError
from slt.search.layer import Layer
from slt.search.maskable import Maskable, Roles, prepared
from slt.search.method import Method
from slt.search.moment import Moment
from slt.search.selection import Selection
from slt.weights import Key


@final
class MaskedNetwork:
    """The random tensors, scores and state of one search. The model given is copied, and none of its parameters used.

    ``skeleton`` is called, and its own parameters are NaN: what computes with them (reentrant activation checkpoints,
    in the backward pass) fails loudly. ``architecture`` is never called: tickets get copies of it.

    Paths of keys: ``weights / name``, ``scores / name``, ``frozen / name``, ``samples / step / name``,
    ``events / number / name``, ``coins / number / name``; so nothing that one of them draws moves another.
    ``score_seed`` is the seed of ``scores`` and ``samples``, ``seed`` where it is None, and of nothing else.
    """

    def __init__(
        self,
        model: nn.Module,
        method: Method,
        seed: int,
        device: torch.device | str | None = None,
        score_seed: int | None = None,
    ) -> None:
        self.method, self.key, self.device = method, Key(seed), torch.device("cpu" if device is None else device)
        self.score_seed = seed if score_seed is None else score_seed
        self.score_key = Key(self.score_seed)
        self.roles = Roles.of(model)
        self.architecture = prepared(_copied(model).float()).requires_grad_(False)
        self.skeleton = _blank(copy.deepcopy(self.architecture).to(self.device))
        self.layers = [self._layer(role) for role in self.roles.maskable]
        self.fixed = {f.name: torch.full(f.shape, f.value, device=self.device) for f in self.roles.fixed}
        self.trained = [self.fixed[f.name].requires_grad_() for f in self.roles.fixed if method.norms.trained(f)]
        self.buffers = {name: b.detach().clone() for name, b in self.skeleton.named_buffers()}
        self.aliases = [*self.roles.ties, *_tied_buffers(self.skeleton)]
        self.memory: dict[str, torch.Tensor] = {}
        self.selections: list[Selection] | None = None
        if sum(event.changes_weights for event in method.events) > 1:
            raise InputError(
                f"searching a mask by {method.name}: several of its events change weights, and "
                "a ticket can declare copies or re-draws, not both. Use one kind of event"
            )
        if method.weights.planted and (method.active.binarised or any(e.changes_weights for e in method.events)):
            raise InputError(
                f"searching a mask by {method.name} in a planted network: a ticket declares what was planted, or "
                "what events changed, or signs alone, not several of them; use a method that keeps its weights as drawn"
            )
        strange = {patch.name for patch in method.weights.planted} - {role.name for role in self.roles.maskable}
        if strange:
            raise InputError(
                f"searching a mask in a planted network: weights are planted in {sorted(strange)}, which the model "
                "does not have; search Planting.model()"
            )
        method.selector.start(self.layers)

    def _layer(self, role: Maskable) -> Layer:
        method, key = self.method, self.key
        weights = method.weights.tensor(key / "weights" / role.name, role)
        groups = replace(role, shape=method.granularity.groups(role.shape))
        reduced = method.granularity.reduce(weights.abs())
        scores = method.starts.tensor(self.score_key / "scores" / role.name, groups, reduced).to(self.device)
        return Layer(
            role,
            weights.to(self.device),
            scores.clone().requires_grad_(),
            method.map,
            method.active,
            method.granularity,
            frozen=method.frozen.pattern(key / "frozen", groups, scores),
        )

    # -- weights ---------------------------------------------------------------------------------------------------

    def select(self, moment: Moment) -> list[Selection]:
        """The masks of this moment."""
        return self.method.selector.select(self.layers, moment, self.score_key / "samples")

    def scales(self, selections: list[Selection]) -> list[torch.Tensor]:
        """The scale of each layer, 0-dim float32."""
        return [self.method.scale.factor(s, layer) for s, layer in zip(selections, self.layers, strict=True)]

    def soft_weights(self, moment: Moment) -> dict[str, torch.Tensor]:
        """The weights to train with, attached to the scores; remembers the selections."""
        self.selections = self.select(moment)
        estimator = self.method.estimator
        return {
            layer.name: estimator.weights(selection, layer, scale)
            for layer, selection, scale in zip(self.layers, self.selections, self.scales(self.selections), strict=True)
        }

    def hard_masks(self, moment: Moment) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """(masks, scales) as a ticket has them: one value a weight; the scale as float32 of the hard mask."""
        moment = replace(moment, training=False)
        with torch.no_grad():
            selections = self.select(moment)
            masks = [x.expand(s.hard(x)) for s, x in zip(selections, self.layers, strict=True)]
            return masks, self.scales(selections)

    def hard_weights(self, masks: list[torch.Tensor], scales: list[torch.Tensor]) -> dict[str, torch.Tensor]:
        """The weights of the ticket's network, +0.0 where a mask is 0."""
        return {
            layer.name: torch.where(mask != 0, (mask * layer.values) * scale, 0.0)
            for layer, mask, scale in zip(self.layers, masks, scales, strict=True)
        }

    def unpruned(self) -> dict[str, torch.Tensor]:
        """The random network before pruning."""
        return {layer.name: layer.weights for layer in self.layers}

    # -- calls -----------------------------------------------------------------------------------------------------

    def __call__(
        self,
        inputs: Any,
        weights: Mapping[str, torch.Tensor],
        training: bool,
        buffers: dict[str, torch.Tensor] | None = None,
    ) -> Any:
        """The network's outputs with these weights. In training its running statistics move."""
        self.skeleton.train(training)
        given = {**weights, **self.fixed, **(self.buffers if buffers is None else buffers)}
        given |= {other: given[name] for other, name in self.aliases}
        arguments = inputs if isinstance(inputs, tuple) else (inputs,)
        # torch's own tying leaves our tensors behind in modules that have two names
        outputs = functional_call(self.skeleton, given, arguments, tie_weights=False)
        held = self.buffers if buffers is None else buffers
        for name, buffer in held.items():
            # a buffer that forward assigned anew is another tensor, which torch left in ``given``
            if given[name] is not buffer:
                held[name] = given[name].detach()
        return outputs

    def evaluated(self, inputs: Any, weights: Mapping[str, torch.Tensor]) -> Any:
        """The outputs in eval mode, in the dtype of the weights: biases, norms and buffers are cast on copies."""
        dtype = next(iter(weights.values())).dtype
        if dtype == torch.float32:
            return self(inputs, weights, training=False)
        self.skeleton.train(False)
        others = {name: t.detach() for name, t in (self.fixed | self.buffers).items()}
        given = {**weights, **{name: t.to(dtype) if t.is_floating_point() else t.clone() for name, t in others.items()}}
        given |= {other: given[name] for other, name in self.aliases}
        arguments = inputs if isinstance(inputs, tuple) else (inputs,)
        return functional_call(self.skeleton, given, arguments, tie_weights=False)

    def statistics(self, weights: Mapping[str, torch.Tensor], inputs: Iterable[Any]) -> dict[str, torch.Tensor]:
        """Buffers whose running statistics are plain averages over these batches of inputs, in train mode."""
        buffers = {name: b.clone() for name, b in self.buffers.items()}
        norms = [m for m in self.skeleton.modules() if hasattr(m, "running_mean") and hasattr(m, "momentum")]
        if not norms:
            return buffers
        for name, buffer in buffers.items():
            if name.endswith(("running_mean", "num_batches_tracked")):
                buffer.zero_()
            elif name.endswith("running_var"):
                buffer.fill_(1)
        momenta = [m.momentum for m in norms]
        try:
            for module in norms:
                module.momentum = None  # type: ignore[assignment]  # torch: a cumulative average
            with torch.no_grad():
                for some in inputs:
                    self(some, weights, training=True, buffers=buffers)
        finally:
            for module, momentum in zip(norms, momenta, strict=True):
                module.momentum = momentum
        return buffers

    # -- state -----------------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> list[torch.Tensor]:
        """What the optimiser moves: the scores, and norms where the method says so."""
        return [layer.scores for layer in self.layers] + self.trained

    def state(self) -> dict[str, torch.Tensor]:
        """All that changes during a search, by name; for checkpoints."""
        found = {f"memory/{name}": t for name, t in self.memory.items()}
        found |= {f"buffer/{name}": t for name, t in self.buffers.items()}
        found |= {f"fixed/{name}": t.detach() for name, t in self.fixed.items()}
        for number, layer in enumerate(self.layers):
            found[f"scores/{layer.name}"] = layer.scores.detach()
            found[f"weights/{layer.name}"] = layer.weights
            for part in ("origins", "events"):
                tensor = getattr(layer, part)
                if tensor is not None:
                    found[f"{part}/{layer.name}"] = tensor
            found |= {f"remembered/{number}/{name}": t for name, t in layer.memory.items()}
        return found

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """The inverse of ``state``."""
        self.memory = {n.removeprefix("memory/"): t.clone() for n, t in state.items() if n.startswith("memory/")}
        with torch.no_grad():
            for name in self.buffers:
                self.buffers[name] = state[f"buffer/{name}"].clone()
            for name, tensor in self.fixed.items():
                tensor.copy_(state[f"fixed/{name}"])
            for number, layer in enumerate(self.layers):
                layer.scores.copy_(state[f"scores/{layer.name}"])
                layer.weights = state[f"weights/{layer.name}"].clone()
                for part in ("origins", "events"):
                    changed = state.get(f"{part}/{layer.name}")
                    setattr(layer, part, None if changed is None else changed.clone())
                own = f"remembered/{number}/"
                layer.memory = {n.removeprefix(own): t.clone() for n, t in state.items() if n.startswith(own)}
                layer.renew()

    def broken(self) -> str | None:
        """The first layer whose scores are not all finite."""
        for layer in self.layers:
            if not bool(layer.scores.detach().isfinite().all()):
                return layer.name
        return None


def _tied_buffers(model: nn.Module) -> list[tuple[str, str]]:
    """(other name, name) of buffers that several modules hold."""
    first: dict[int, str] = {}
    ties = []
    for path, module in model.named_modules():
        for own, buffer in module._buffers.items():
            if buffer is not None:
                name = f"{path}.{own}" if path else own
                known = first.setdefault(id(buffer), name)
                if known != name:
                    ties.append((name, known))
    return ties


def _blank(model: nn.Module) -> nn.Module:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(torch.nan)
    return model


def _copied(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model)
    except (RuntimeError, TypeError) as error:
        raise UnsupportedModuleError(
            f"searching a mask: the {type(model).__qualname__} cannot be copied ({error}); give a model that was made "
            "and not computed with, with parameters that are leaves"
        ) from error
