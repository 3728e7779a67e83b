"""Arrays of numpy, sparse matrices of scipy and tensors of torch, taken apart and put together.

See docs/data-format.md for the parts. The order of the axes in memory is kept, and a loaded array
has it, but it is not content: nobody who compares two arrays sees it, and one transposition, or
pandas' ``to_numpy``, gives either. So the same values in another order are the same version, and
come back in the order in which they were first kept. Byte order and dtype are content.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mlops_jupyter.data.storage.stored import Stored
from mlops_jupyter.data.value import block
from mlops_jupyter.data.value.content import Taken
from mlops_jupyter.data.value.part import Part
from mlops_jupyter.errors import UsageError


def taken(value: object) -> Taken | None:
    """Take an array, a sparse matrix or a tensor apart; None for what is none.

    Raises
    ------
    UsageError
        It holds something that cannot be kept, or is a subclass, which would not come back as
        it was.
    """
    library = type(value).__module__.partition(".")[0]
    if library == "torch":
        from mlops_jupyter.data.value import tensor

        return tensor.taken(value)
    if library == "scipy":
        from mlops_jupyter.data.value import sparse

        return sparse.taken(value)
    return _of_numpy(value)


def put_together(whole: Stored, wanted: Sequence[str] | None = None) -> Any:
    """Return the array of a stored tree."""
    if wanted is not None:
        raise UsageError("an array has no columns with names", hint="load all of it, then cut it")
    return _READ[whole.facts["class"]](whole)


def _of_numpy(value: object) -> Taken | None:
    if not isinstance(value, np.ndarray):
        return None
    kind = type(value)
    if kind is np.ma.MaskedArray:
        masked: Any = value
        facts: dict[str, Any] = {"class": "MaskedArray", "hard": bool(masked.hardmask)}
        parts = _masked(masked)
    elif kind is np.ndarray:
        facts = {"class": "ndarray"}
        parts = block.take_apart(value, "the array")
    else:
        raise UsageError(
            f"a {kind.__module__}.{kind.__qualname__} cannot be kept as a data version",
            hint="turn it into a plain array first: `numpy.asarray(…)`",
        )
    return Taken("array", Part("array", facts, parts=parts), len_of(value.shape), lambda: ())


def len_of(shape: Sequence[int]) -> int:
    """Return the rows of an array: one, where it is a single value."""
    return int(shape[0]) if len(shape) else 1


def _masked(value: Any) -> dict[str, Part]:
    parts = {"data": block.whole(np.asarray(value.data), "the array")}
    fill = value.fill_value
    # the usual one may be wider than the dtype: 'N/A' among texts of one letter
    if not np.all(fill == np.ma.default_fill_value(value.dtype)):
        parts["fill"] = block.whole(np.array(fill, dtype=value.dtype), "the fill value")
    if value.mask is not np.ma.nomask:
        parts["mask"] = block.whole(np.asarray(value.mask), "the mask")
    return parts


def _read_masked(whole: Stored) -> Any:
    mask = block.read(whole.part("mask", by_row=True)) if "mask" in whole.names else np.ma.nomask
    fill = block.read(whole.part("fill"))[()] if "fill" in whole.names else None
    make: Any = np.ma.MaskedArray
    return make(
        block.read(whole.part("data", by_row=True)),
        mask=mask,
        fill_value=fill,
        hard_mask=whole.facts["hard"],
    )


def _read_sparse(whole: Stored) -> Any:
    from mlops_jupyter.data.value import sparse

    return sparse.put_together(whole)


def _read_tensor(whole: Stored) -> Any:
    from mlops_jupyter.data.value import tensor

    return tensor.put_together(whole)


_READ: dict[str, Callable[[Stored], Any]] = {
    "ndarray": block.read,
    "MaskedArray": _read_masked,
    "sparse": _read_sparse,
    "Tensor": _read_tensor,
}
