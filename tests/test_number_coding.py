"""Codes of whole numbers: twins that agree, round trips, and data that are no code."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slt.errors import InputError
from slt.number_coding import (
    MOST,
    CodedNumbers,
    best_golomb,
    decode_golomb,
    decode_golomb_plain,
    decode_numbers,
    encode_golomb,
    encode_golomb_plain,
    encode_numbers,
)

NUMBERS = st.lists(st.integers(0, 300), max_size=60).map(lambda v: np.array(v, dtype=np.int64))


@settings(max_examples=80, deadline=None)
@given(NUMBERS, st.integers(1, 70))
def test_compiled_and_plain_golomb_codes_agree(numbers, m):
    data = encode_golomb(numbers, m)
    assert np.array_equal(data, encode_golomb_plain(numbers, m))
    assert np.array_equal(decode_golomb(data, m, numbers.size, 300), numbers)
    assert np.array_equal(decode_golomb_plain(data, m, numbers.size), numbers)


def test_the_code_of_a_known_example():
    # m = 3: rests 0, 10, 11; quotients in ones: 0 -> 0 0, 5 -> 10 11, 7 -> 110 10
    assert encode_golomb(np.array([0, 5, 7]), 3).tolist() == [0b00101111, 0b01000000]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, MOST), max_size=40).map(lambda v: np.array(v, dtype=np.int64)))
def test_numbers_survive_their_shortest_code(numbers):
    coded = encode_numbers(numbers)
    assert np.array_equal(decode_numbers(coded, numbers.size, MOST), numbers)
    width = int(numbers.max(initial=0)).bit_length()
    assert coded.data.size <= (numbers.size * width + 7) // 8


@settings(max_examples=50, deadline=None)
@given(NUMBERS)
def test_the_best_parameter_is_the_best_of_all(numbers):
    lengths = {m: 8 * encode_golomb(numbers, m).size for m in range(1, 400)}
    m, bits = best_golomb(numbers)
    assert bits <= lengths[m] < bits + 8
    assert lengths[m] == min(lengths.values())


@pytest.mark.parametrize("p", [0.01, 0.1, 0.4])
def test_geometric_numbers_are_coded_near_their_entropy(p):
    numbers = np.random.default_rng(5).geometric(p, size=40_000) - 1
    entropy = (-p * np.log2(p) - (1 - p) * np.log2(1 - p)) / p
    assert best_golomb(numbers)[1] < 1.03 * entropy * numbers.size  # Golomb's loss is below 3 % here; a run of many sd


@pytest.mark.parametrize(
    ("parameter", "data", "count", "most", "text"),
    [
        (3, [0b00101111, 0b01000000], 6, 9, "end before"),
        (3, [0b00101111], 3, 9, "end before"),
        (3, [0b00101111, 0b01000000, 0], 3, 9, "2 are needed"),
        (3, [0b00101111, 0b01000001], 3, 9, "padded"),
        (3, [0b00101111, 0b01000000], 3, 6, "larger than 6"),
        (1, [255] * 9, 1, 2**40, "end before"),
        (1, [255] * 8 + [0], 1, 30, "larger than 30"),
        (2**48, [0] * 7, 2, MOST, "end before"),
        (2**48 + 1, [0] * 7, 1, MOST, "no parameter"),
        (-49, [0] * 7, 1, MOST, "no parameter"),
        (1.0, [0], 1, MOST, "no parameter"),
        (True, [0], 1, MOST, "no parameter"),
        (5, [0], 10**12, 9, "do not hold"),
        (-3, [0], 10**12, 9, "are needed"),
        (-3, [0b11111100], 2, 6, "largest possible"),
        (-3, [0b11111101], 2, 7, "padded"),
        (-3, [0b11111100], -1, 7, "cannot be"),
        (-3, [0b11111100], 2, MOST + 1, "cannot be"),
    ],
)
def test_data_that_are_no_code_are_refused(parameter, data, count, most, text):
    with pytest.raises(InputError, match=text):
        decode_numbers(CodedNumbers(parameter, np.array(data, dtype=np.uint8)), count, most)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=40), st.integers(-48, 80), st.integers(0, 400), st.integers(0, 100))
def test_any_bytes_are_numbers_or_refused(data, parameter, count, most):
    coded = CodedNumbers(parameter, np.frombuffer(data, dtype=np.uint8))
    try:
        numbers = decode_numbers(coded, count, most)
    except InputError:
        return
    assert numbers.size == count and np.all((numbers >= 0) & (numbers <= most))
    if parameter > 0:  # every code of right length stands for itself
        assert encode_golomb(numbers, parameter).tobytes() == data


@pytest.mark.parametrize("numbers", [[-1], [MOST + 1]])
def test_numbers_out_of_range_are_refused(numbers):
    with pytest.raises(InputError, match="outside"):
        encode_numbers(np.array(numbers))
