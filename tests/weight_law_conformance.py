"""What every weight law must satisfy, whatever its distribution. A test file joins by subclassing ``Conformance``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

import slt
from slt.errors import InputError
from slt.search import EdgePopup, FanIn, RandomTensors, fit
from slt.weights import Key, SymmetricLaw, WeightLaw, named_law

DRAWS = (200, 10, 100)  # 200,000 weights
# the law is the same for all examples, and every subclass runs the same test
INHERITED = [HealthCheck.too_slow, HealthCheck.differing_executors, HealthCheck.function_scoped_fixture]
START, SHAPE = st.tuples(*[st.integers(0, 4)] * 3), st.tuples(*[st.integers(1, 6)] * 3)


class Conformance:
    """Fill in ``weight_law``.

    ``symmetric``  whether w and -w are equally likely, as the laws of ``slt.laws`` and the constructions take it
    ``width``      of a ticket that must serve every coordinate of a small target
    """

    symmetric: bool = True
    width: int = 24

    def weight_law(self) -> WeightLaw:
        raise NotImplementedError

    @pytest.fixture
    def law(self) -> WeightLaw:
        return self.weight_law()

    # -- one value for each address --------------------------------------------------------------------------------

    def test_compiled_numpy_and_torch_give_the_same_bits(self, law: WeightLaw) -> None:
        key = Key(7) / "layer 3" / "head 1"
        for shape, start in [
            ((3, 5, 13), (1, 2, 3)),
            ((1, 1, 1), (2**32 - 1, 2**32 - 1, 2**32 - 1)),
            ((2, 0, 4), (0, 0, 0)),
        ]:
            compiled, plain = law.draw(key, shape, start), law.draw_plain(key, shape, start)
            assert compiled.shape == plain.shape == shape
            assert np.array_equal(compiled, plain)
            assert np.array_equal(law.draw_torch(key, shape, start).numpy(), plain)

    @given(START, SHAPE)
    @settings(max_examples=30, suppress_health_check=INHERITED)
    def test_a_draw_does_not_depend_on_what_else_is_drawn(
        self, law: WeightLaw, start: tuple[int, int, int], shape: tuple[int, int, int]
    ) -> None:
        key = Key(3) / "x"
        whole = law.draw(key, (10, 10, 10))
        window = tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))
        assert np.array_equal(law.draw(key, shape, start), whole[window])

    # -- what it promises ------------------------------------------------------------------------------------------

    def test_no_weight_exceeds_the_largest_or_is_zero(self, law: WeightLaw) -> None:
        k = law.draw(Key(2), (20, 20, 50))
        assert np.abs(k.astype(np.int64)).max() <= law.largest
        assert k.dtype == (np.int32 if law.largest < 2**30 else np.int64)
        # a kept weight of 0 could not be told from one that was removed
        assert np.all(k != 0)

    def test_signs_are_even(self, law: WeightLaw) -> None:
        """In a band of level 0.001, 200,000 draws; and neighbours are uncorrelated, at the same level."""
        if not self.symmetric:
            pytest.skip("this law is not symmetric")
        k = law.draw(Key(12), DRAWS).ravel().astype(np.float64)
        assert abs(np.count_nonzero(k > 0) - k.size / 2) < 3.3 * np.sqrt(k.size) / 2
        assert abs(np.corrcoef(np.sign(k[:-1]), np.sign(k[1:]))[0, 1]) < 3.3 / np.sqrt(k.size)
        # sizes of both signs: Kolmogorov and Smirnov's two-sample distance, level 0.001
        apart = stats.ks_2samp(k[k > 0], -k[k < 0]).pvalue
        assert apart > 1e-3, f"positive and negative weights differ in size (p = {apart:.2g}): the law is not symmetric"

    def test_its_deviation_is_that_of_its_weights(self, law: WeightLaw) -> None:
        """In a band of level 0.001 and half a step of the lattice, 200,000 draws."""
        if law.deviation is None:
            pytest.skip("this law tells no deviation, and searches refuse it")
        x = np.ldexp(law.draw(Key(13), DRAWS).ravel().astype(np.float64), -law.exponent)
        square = np.square(x)
        band = 3.3 * square.std() / np.sqrt(x.size)
        step = 2.0**-law.exponent
        assert abs(square.mean() - law.deviation**2) <= band + step * (law.deviation + step)

    def test_its_sizes_are_exceeded_with_their_probability(self, law: WeightLaw) -> None:
        """At three p, in bands of joint level 0.001, 200,000 draws; what lies within a step of the size is on neither
        side."""
        if not isinstance(law, SymmetricLaw):
            pytest.skip("this law has no sizes")
        sizes = np.abs(law.draw(Key(14), DRAWS).ravel().astype(np.float64))
        levels = np.array([0.1, 0.5, 0.9])
        for p, size in zip(levels, np.ldexp(law.size(levels), law.exponent), strict=True):
            band = 3.6 * np.sqrt(p * (1 - p) / sizes.size)
            above, below = np.mean(sizes > size + 1), np.mean(sizes < size - 1)
            assert above <= p + band and below <= 1 - p + band, f"size({p}) is no size exceeded with probability {p}"

    # -- files and tickets -----------------------------------------------------------------------------------------

    def test_its_name_is_invertible(self, law: WeightLaw) -> None:
        back = named_law(law.name)
        assert back == law and back.name == law.name and hash(back) == hash(law)

    def test_a_ticket_is_found_verified_saved_and_loaded(self, law: WeightLaw, tmp_path: Path) -> None:
        weights = np.array([[0.4, -0.3], [0.2, 0.7]])
        target = slt.Target.from_arrays([weights, weights[:1]])
        if law.largest > 2**24:
            with pytest.raises(InputError, match=r"float32|64 bits"):
                slt.find_ticket(target, width=self.width, law=law)
            return
        ticket = slt.find_ticket(target, width=self.width, seed=3, law=law, max_items=16)
        ticket.verify()
        again = slt.load(ticket.save(tmp_path / "ticket.slt"))
        again.verify()
        assert again.source_network.law == law and again.mask == ticket.mask

    def test_a_search_takes_it_if_it_tells_its_deviation(self, law: WeightLaw, tmp_path: Path) -> None:
        model = torch.nn.Linear(4, 2, bias=False)
        if law.deviation is None:
            with pytest.raises(InputError, match="deviation"):
                RandomTensors(law)
            return
        if law.largest > 2**24:
            return
        batches = [(torch.eye(4), torch.tensor([0, 1, 0, 1]))]
        found = fit(model, batches, EdgePopup(0.5, weights=RandomTensors(law, FanIn(2.0))), epochs=1, seed=1)
        found.verify()
        assert slt.load(found.ticket.save(tmp_path / "found.slt")).source_network.law == law
