"""Tensors of torch, taken apart and put together again: values, dtype, and whether they learn.

A tensor of another device is copied to the processor, and comes back there.
"""

from __future__ import annotations

from typing import Any

from mlops_jupyter.data.storage.stored import Stored
from mlops_jupyter.data.value import array, block
from mlops_jupyter.data.value.content import Taken
from mlops_jupyter.data.value.part import Part
from mlops_jupyter.errors import UsageError

_INTEGERS = {1: "uint8", 2: "int16", 4: "int32", 8: "int64", 16: "complex128"}


def taken(value: Any) -> Taken | None:
    """Take a tensor apart; None for what is none.

    Raises
    ------
    UsageError
        It is a subclass, sparse, quantized, nested, or holds no values.
    """
    import torch

    if not isinstance(value, torch.Tensor):
        return None
    _refuse(value)
    # what a view would show turned or conjugated is written out
    plain = value.detach().cpu().resolve_conj().resolve_neg()
    name = _name(value.dtype)
    values = _numpy(plain)
    facts = {"class": "Tensor", "dtype": name, "learns": bool(value.requires_grad)}
    parts = block.take_apart(values, "the tensor")
    return Taken("array", Part("array", facts, parts=parts), array.len_of(values.shape), lambda: ())


def put_together(whole: Stored) -> Any:
    """Return the tensor again.

    Raises
    ------
    UsageError
        The torch here has no such dtype.
    """
    import torch

    dtype = getattr(torch, whole.facts["dtype"], None)
    if dtype is None:
        raise UsageError(
            f"the torch here has no dtype {whole.facts['dtype']}", hint="upgrade torch"
        )
    found = torch.from_numpy(block.read(whole))
    return (found if found.dtype == dtype else found.view(dtype)).requires_grad_(
        whole.facts["learns"]
    )


def _refuse(value: Any) -> None:
    import torch

    if type(value) is not torch.Tensor:
        what, hint = f"a {type(value).__qualname__}", "give `.detach()`, or a model to a run"
    elif value.is_nested or value.layout != torch.strided:
        what, hint = "a sparse or nested tensor", "make it dense first: `.to_dense()`"
    elif value.is_quantized:
        what, hint = "a quantized tensor", "give its numbers: `.int_repr()` or `.dequantize()`"
    elif value.is_meta:
        what, hint = "a tensor on the device 'meta', which has no values,", "give it values first"
    else:
        return
    raise UsageError(f"{what} cannot be kept as a data version", hint=hint)


def _name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _numpy(plain: Any) -> Any:
    """Return the values as numpy has them, or whole numbers of the same bits where it has not."""
    import torch

    try:
        return plain.numpy()
    except TypeError:  # bfloat16, 8-bit floats, half complex
        return plain.view(getattr(torch, _INTEGERS[plain.element_size()])).numpy()
