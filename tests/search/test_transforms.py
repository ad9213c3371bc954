from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from slt.errors import InputError
from slt.search.transforms import CropAndFlip, Standardise


def plain(image: np.ndarray, padding: int, number: int) -> np.ndarray:
    """The oracle: one image at a time."""
    offsets = 2 * padding + 1
    left, mirrored = number // 2 % offsets, number % 2
    top = number // 2 // offsets
    padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    cut = padded[:, top : top + image.shape[1], left : left + image.shape[2]]
    return cut[:, :, ::-1] if mirrored else cut


@given(st.integers(0, 4), st.integers(1, 7), st.integers(1, 7), st.sampled_from([np.uint8, np.float32]), st.data())
def test_crop_and_flip_image_by_image(padding: int, height: int, width: int, kind: type, data: st.DataObject) -> None:
    bits = torch.tensor(data.draw(st.lists(st.integers(0, 2**52 - 1), min_size=1, max_size=6)))
    images = (np.arange(len(bits) * 3 * height * width) % 251 + 1).astype(kind).reshape(-1, 3, height, width)
    found = CropAndFlip(padding)(torch.from_numpy(images), bits)
    number = (bits % (2 * (2 * padding + 1) ** 2)).tolist()
    assert found.is_contiguous()
    assert np.array_equal(found.numpy(), [plain(i, padding, n) for i, n in zip(images, number, strict=True)])


def test_all_windows_occur() -> None:
    image = torch.arange(1.0, 17).reshape(1, 1, 4, 4)
    found = CropAndFlip(1)(image.expand(18, 1, 4, 4), torch.arange(18))
    assert len({tuple(x.flatten().tolist()) for x in found}) == 18
    assert torch.equal(found[8], image[0])  # top 1, left 1, not mirrored


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32])
def test_standardise(kind: torch.dtype) -> None:
    x = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (2500, 3, 2, 2))).to(kind)
    x[:, 1] //= 2
    transform = Standardise.of(x)
    array = x.double().numpy()
    assert np.allclose(transform.mean, array.mean((0, 2, 3)), rtol=1e-12)
    assert np.allclose(transform.deviation, array.std((0, 2, 3)), rtol=1e-12)
    found = transform(x)
    assert found.dtype == torch.float32
    assert torch.allclose(found.mean((0, 2, 3)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(found.std((0, 2, 3)), torch.ones(3), atol=1e-3)


def test_wrong_inputs() -> None:
    for padding in (-1, 1.5, 256, True):
        with pytest.raises(InputError, match="a padding of 0 to 255"):
            CropAndFlip(padding)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"random bits of shape \(batch,\)"):
        CropAndFlip()(torch.zeros(2, 3, 4, 4), torch.zeros(3, dtype=torch.int64))
    with pytest.raises(InputError, match="a positive deviation for each"):
        Standardise((1.0,), (0.0,))
    with pytest.raises(InputError, match="a positive deviation for each"):
        Standardise.of(torch.ones(5, 2))
    with pytest.raises(InputError, match="needs inputs of shape"):
        Standardise.of(torch.ones(0, 2))
    with pytest.raises(InputError, match="standardising 1 channels"):
        Standardise((1.0,), (1.0,))(torch.zeros(2, 3))
