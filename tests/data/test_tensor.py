"""Tensors of torch: dtype, shape, strides, and every bit."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

from mlops_jupyter.data.value.content import take_apart
from mlops_jupyter.errors import UsageError
from mlops_jupyter.store.objects import Objects
from tests.kept import digest, there_and_back

with_torch = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)
DTYPES = [
    *("float64", "float32", "float16", "bfloat16", "complex64", "complex128", "bool"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float8_e4m3fn", "float8_e5m2"),
]


def assert_same_tensor(found: Any, expected: Any) -> None:
    import torch

    assert type(found) is torch.Tensor
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert found.requires_grad == expected.requires_grad
    same = [
        t.detach().resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8)
        for t in (found, expected)
    ]
    assert torch.equal(*same)


@with_torch
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(2, 3), (), (0, 3), (4,)])
def test_a_tensor_comes_back_equal(objects: Objects, dtype: str, shape: tuple[int, ...]) -> None:
    import torch

    made = (torch.arange(int(np.prod(shape))) + 0.5).reshape(shape).to(getattr(torch, dtype))
    again = there_and_back(objects, made)
    assert_same_tensor(again, made)
    assert digest(again) == digest(made) == digest(made.clone())


@with_torch
def test_tensors_that_learn_come_back_learning(objects: Objects) -> None:
    import torch

    made = torch.ones(3, requires_grad=True)
    again = there_and_back(objects, made)
    assert_same_tensor(again, made)
    (again * 2).sum().backward()
    assert again.grad.tolist() == [2, 2, 2]
    assert digest(made) != digest(made.detach())
    reckoned = there_and_back(objects, made * 2)  # what it was reckoned from is not kept
    assert reckoned.is_leaf
    assert reckoned.requires_grad


@with_torch
def test_strides_of_tensors_come_back(objects: Objects) -> None:
    import torch

    images = torch.arange(48.0).reshape(1, 3, 4, 4).to(memory_format=torch.channels_last)
    for made in (images, images.to(torch.bfloat16), torch.arange(6).reshape(2, 3).t()):
        again = there_and_back(objects, made)
        assert_same_tensor(again, made)
        assert again.stride() == made.stride()
        assert digest(made.contiguous()) == digest(made)


@with_torch
def test_views_of_tensors_are_written_out(objects: Objects) -> None:
    import torch

    whole = torch.arange(12.0).reshape(3, 4)
    complex_ = torch.tensor([1 + 2j, 3 - 1j])
    for made in (whole[1:, ::2], whole[0].expand(5, 4), complex_.conj(), complex_.conj().imag):
        assert_same_tensor(there_and_back(objects, made), made)


@with_torch
def test_tensors_that_are_refused_say_what_to_do() -> None:
    import torch

    eye = torch.eye(2)
    refused = {
        "to_dense": eye.to_sparse(),
        "detach": torch.nn.Parameter(eye),
        "give it values": eye.to("meta"),
    }
    for hint, made in refused.items():
        with pytest.raises(UsageError, match="cannot be kept as a data version") as caught:
            take_apart(made)
        assert hint in str(caught.value.hint)
