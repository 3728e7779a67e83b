"""What bytes have new against other bytes: a zstd frame whose dictionary is the other bytes.

The dictionary is raw content (RFC 8878, section 5): it is no trained dictionary, and whoever
decodes must have the same bytes.
"""

from __future__ import annotations

import zstandard

from mlops_jupyter.store.objects import LEVEL

LARGEST_BYTES = 2**26
"""No delta gives more: a frame that says so is damaged or forged."""

_SAMPLE_BYTES = 2**18

_WORTH = 0.5
"""A delta is kept when it is smaller than this part of the whole, compressed."""

_NAMING_BYTES = 128
"""What a manifest needs to name a delta and its base, compressed."""


def encode(content: bytes, base: bytes) -> bytes | None:
    """Return the delta of `content` against `base`, or None where it is not worth it."""
    frame = _compressor(content, base).compress(content)
    return frame if len(frame) + _NAMING_BYTES < _WORTH * _compressed_bytes(content) else None


def decode(frame: bytes, base: bytes) -> bytes | None:
    """Return the content of a delta, or None when it is none, or not one against this base."""
    try:
        if zstandard.frame_content_size(frame) > LARGEST_BYTES:
            return None
        content: bytes = zstandard.ZstdDecompressor(dict_data=_dictionary(base)).decompress(frame)
    except zstandard.ZstdError:
        return None
    return content


def _compressor(content: bytes, base: bytes) -> zstandard.ZstdCompressor:
    # with the level's own small table of hashes nearly nothing of the base is found again, and
    # of a base of more than 8 bytes for each place in the table zstd looks at the end alone
    parameters = zstandard.ZstdCompressionParameters.from_level(
        LEVEL,
        window_log=min(max((len(content) + len(base)).bit_length(), 17), 27),
        hash_log=max(20, (len(base) - 1).bit_length() - 3),
        min_match=7,
    )
    return zstandard.ZstdCompressor(dict_data=_dictionary(base), compression_params=parameters)


def _dictionary(base: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _compressed_bytes(content: bytes) -> float:
    sample = content[:_SAMPLE_BYTES]
    frame = zstandard.ZstdCompressor(level=LEVEL).compress(sample)
    return len(frame) * len(content) / max(len(sample), 1)
