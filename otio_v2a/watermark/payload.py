"""The bits that the watermark carries: an id, its check and the code that protects both. Knows nothing of sound."""

from __future__ import annotations

import hashlib
import secrets
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from otio_v2a.errors import WatermarkError
from otio_v2a.watermark.keys import ProjectKey

__all__ = ["CODED_BITS", "ID_BITS", "decode", "encode", "generation_id_of", "new_generation_id"]

ID_BITS = 48
_CRC_BITS = 16
_CRC_POLYNOMIAL = 0x1021  # CRC-16/CCITT-FALSE
_CRC_START = 0xFFFF
_CONSTRAINT = 9
_GENERATORS = (0o557, 0o663, 0o711)  # free distance 18, the best of rate 1/3 and constraint length 9
_STATES = 1 << (_CONSTRAINT - 1)
_MESSAGE_BITS = ID_BITS + _CRC_BITS
CODED_BITS = _MESSAGE_BITS * len(_GENERATORS)
_CUTS = (0, 16, 32, 48)
_CANDIDATES_PER_CUT = 4

Floats = NDArray[np.floating]
Signs = NDArray[np.int8]


def new_generation_id() -> int:
    """A random 48-bit id; it says nothing about the user, the cut or the prompt."""
    return secrets.randbits(ID_BITS)


def generation_id_of(key: ProjectKey, content_hash: str) -> int:
    """The id of a take, the same whenever it is made again, so that equal renders give equal bytes.

    Only who has the key and the takes can tell which take an id means: the keyed hash does not lead back.
    """
    digest = hashlib.blake2b(content_hash.encode(), key=key.subkey("generation id"), digest_size=ID_BITS // 8).digest()
    return int.from_bytes(digest, "big")


def encode(generation_id: int) -> Signs:
    """Coded bits of an id as signs: (CODED_BITS,) of -1 and 1. Raises WatermarkError on an id beyond 48 bits."""
    if not 0 <= generation_id < 1 << ID_BITS:
        raise WatermarkError(f"a generation id has {ID_BITS} bits, {generation_id} does not fit")
    return _code(generation_id << _CRC_BITS | _crc(generation_id))


def decode(soft: Floats) -> tuple[int | None, Signs]:
    """Most likely id for soft coded bits (CODED_BITS,), positive for 1; None when no likely one passes its check.

    Also returns the coded bits of the id, or of the most likely message when none passes. The code is a circle
    (tail-biting): cut anywhere, one Viterbi search per state at the cut gives the most likely message and close rivals.
    """
    if soft.shape != (CODED_BITS,):
        raise WatermarkError(f"a payload has {CODED_BITS} soft bits, got {soft.shape}")
    likeliest: Signs | None = None
    for cut in _CUTS:
        for message in _likely_messages(soft, cut):
            coded = _code(message)
            generation_id = message >> _CRC_BITS
            if message & ((1 << _CRC_BITS) - 1) == _crc(generation_id):
                return generation_id, coded
            if likeliest is None:
                likeliest = coded
    assert likeliest is not None
    return None, likeliest


def _code(message: int) -> Signs:
    outputs = _trellis()
    state = 0
    for bit in range(_CONSTRAINT - 1):  # the circle's last bits are what the encoder remembers at its start
        state = state >> 1 | (message >> (_CONSTRAINT - 2 - bit) & 1) << (_CONSTRAINT - 2)
    out = np.empty((_MESSAGE_BITS, len(_GENERATORS)), np.int8)
    for step in range(_MESSAGE_BITS):
        register = (message >> (_MESSAGE_BITS - 1 - step) & 1) << (_CONSTRAINT - 1) | state
        out[step] = outputs[register]
        state = register >> 1
    return out.reshape(-1)


def _likely_messages(soft: Floats, cut: int) -> list[int]:
    """The best messages whose encoder states at the cut differ, the likeliest first."""
    turned = np.roll(soft.reshape(_MESSAGE_BITS, len(_GENERATORS)), -cut, axis=0).astype(np.float32)
    gains = _trellis().astype(np.float32) @ turned.T
    # metric[state, start]. Register r = (newest bit, state before) leads to state r >> 1, hence 2s and 2s + 1 to s.
    metric = np.full((_STATES, _STATES), -np.inf, np.float32)
    np.fill_diagonal(metric, 0.0)
    second = np.empty((_MESSAGE_BITS, _STATES, _STATES), np.bool_)
    for step in range(_MESSAGE_BITS):
        paths = (metric[None] + gains[:, step].reshape(2, _STATES, 1)).reshape(_STATES, 2, _STATES)
        np.greater(paths[:, 1], paths[:, 0], out=second[step])
        metric = np.maximum(paths[:, 0], paths[:, 1])
    closed = np.diagonal(metric)
    messages = []
    for start in np.argsort(-closed, kind="stable")[:_CANDIDATES_PER_CUT]:
        state, message = int(start), 0
        for step in range(_MESSAGE_BITS - 1, -1, -1):
            register = state << 1 | int(second[step, state, start])
            place = _MESSAGE_BITS - 1 - (step + cut) % _MESSAGE_BITS
            message |= (register >> (_CONSTRAINT - 1)) << place
            state = register & (_STATES - 1)
        messages.append(message)
    return messages


@lru_cache(maxsize=1)
def _trellis() -> Signs:
    """Outputs as signs for every register content: (2 * states, 3)."""
    registers = range(2 * _STATES)
    return np.array([[1 if (r & g).bit_count() & 1 else -1 for g in _GENERATORS] for r in registers], np.int8)


def _crc(generation_id: int) -> int:
    crc = _CRC_START
    for byte in generation_id.to_bytes(ID_BITS // 8, "big"):
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (_CRC_POLYNOMIAL if crc & 0x8000 else 0)) & 0xFFFF
    return crc
