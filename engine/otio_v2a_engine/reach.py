"""Owns how far a prompt lies from what the engine `small` learned, and what comes nearest. Renders nothing.

Every phrase of a prompt is compared with the captions of the training vocabulary in the sentence space. Embeddings of
the captions ship in a file beside this module; when the captions or the sentence encoder are others, they are computed
once and kept in the user's cache.

    python -m otio_v2a_engine.reach      writes the shipped file anew
"""

import hashlib
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from otio_v2a_engine.conditioning import SentenceEncoder, sentence_folder
from otio_v2a_engine.contract import PromptSpec, Role
from otio_v2a_engine.embedding_tables import cache_folder, read_table, write_table
from otio_v2a_engine.simulate.vocabulary import OF_ROLE

__all__ = ["FAR", "Reach", "phrases"]

FAR = 0.5
"""Cosine to the nearest caption below which a phrase is far; measured in docs/prompts.md."""
_VERY_FAR = 0.4
_SHARP = 0.07  # of the cosine: how much nearer one kind must be than another to count
_SHOWN = 3
_ALIKE = {Role.FX: (Role.FX, Role.AMB), Role.AMB: (Role.FX, Role.AMB), Role.MUS: (Role.MUS,), Role.DX: (Role.DX,)}
"""Stems whose captions are known to a role: rain among the effects is odd, but not unknown; a voice is."""
_SHIPPED = Path(__file__).with_name("captions.safetensors")
_EMBEDDING = 384
_SAMPLE = 2**18  # bytes of the encoder's file that go into the key, at both ends
_PREFIX = re.compile(r"^(?:the |a )?(?:sounds?|noises?) of ", re.I)


def phrases(text: str) -> list[str]:
    """The sounds that a prompt names one by one."""
    parts = re.split(r"\s*[,;\n]\s*|\s+and\s+|\s+with\s+", text.strip())
    return [phrase for part in parts if (phrase := _PREFIX.sub("", part).strip(" ."))]


class Reach:
    """The captions of a role's training data, and how near a phrase is to them.

    Args:
        encoder: shared with the engine, so that each sentence is computed once.
        shipped: file of embeddings that came with the package.
        cache: folder for embeddings that did not.
    """

    def __init__(self, encoder: SentenceEncoder, *, shipped: Path = _SHIPPED, cache: Path | None = None) -> None:
        self._encoder = encoder
        self._shipped = shipped
        self._cache = cache
        self._tables: dict[Role, tuple[tuple[str, ...], Tensor]] | None = None

    def nearest(self, phrase: str, role: Role) -> list[tuple[str, float]]:
        """Captions of different kinds nearest to a phrase, with their cosine, nearest first."""
        captions, table = self.known(role)
        likeness = (self._encoder.embed([phrase]) @ table.T)[0]
        found: dict[str, tuple[str, float]] = {}
        kinds = _kind_of(role)
        for index in likeness.argsort(descending=True).tolist():
            found.setdefault(kinds[captions[index]], (captions[index], float(likeness[index])))
            if len(found) == _SHOWN:
                break
        return list(found.values())

    def kind(self, caption: str, role: Role) -> str:
        """The kind that a known caption belongs to."""
        return _kind_of(role)[caption]

    def warnings(self, prompt: PromptSpec) -> tuple[str, ...]:
        """What to tell the user of the phrases that are far from everything known, each with what comes nearest."""
        told = []
        role = prompt.role
        # A phrase may be cut wrongly, "salt and pepper mill": where the whole is near, only a very far part is named.
        limit = FAR if self._likeness(prompt.text, role) < FAR else _VERY_FAR
        for phrase in phrases(prompt.text):
            if self._likeness(phrase, role) < limit:
                near = self.nearest(phrase, role)
                names = ", ".join(f'"{caption}"' for caption, _ in near)
                others = [other for other in Role if other not in _ALIKE[role] and self._likeness(phrase, other) >= FAR]
                hint = f"; the role {others[0]} makes it" if others else ""
                told.append(
                    f'"{phrase}" is far from what this engine has learned for {role} (likeness {near[0][1]:.2f} of 1); '
                    f"the nearest it can do: {names}{hint}"
                )
        return tuple(told)

    def kinds(self, text: str, *, names: Sequence[str]) -> Tensor:
        """Which kinds of effect a text is about.

        Args:
            text: a prompt.
            names: kinds in the order of the columns.

        Returns:
            `(N, len(names))`: for each phrase that is not far, its shares, 1 in all.
        """
        near = [phrase for phrase in phrases(text) if self.nearest(phrase, Role.FX)[0][1] >= FAR]
        captions, table = self.known(Role.FX)
        kind_of = _kind_of(Role.FX)
        column = torch.tensor([names.index(kind_of[caption]) for caption in captions])
        likeness = self._encoder.embed(near) @ table.T if near else torch.zeros(0, len(captions))
        best = torch.full((len(near), len(names)), -1.0)
        best = best.scatter_reduce(1, column.expand(len(near), -1), likeness, "amax")
        return torch.softmax(best / _SHARP, dim=1)

    def _likeness(self, phrase: str, role: Role) -> float:
        """Cosine to the nearest caption of a role, or of one that is like it."""
        return max(self.nearest(phrase, alike)[0][1] for alike in _ALIKE[role])

    def known(self, role: Role) -> tuple[tuple[str, ...], Tensor]:
        """The captions of a role's training data and their sentence embeddings `(N, 384)`."""
        if self._tables is None:
            captions = {role: _captions(role) for role in OF_ROLE}
            tables = torch.split(self._embeddings(_all_captions()), [len(words) for words in captions.values()])
            self._tables = {role: (captions[role], table) for role, table in zip(captions, tables, strict=True)}
        return self._tables[role]

    def _embeddings(self, captions: Sequence[str]) -> Tensor:
        key = _key(captions)
        cached = (self._cache or cache_folder("captions")) / f"captions-{key[:24]}.safetensors"
        for path in (self._shipped, cached):
            known = read_table(path, key=key, shape=(len(captions), _EMBEDDING))
            if known is not None:
                return known
        made = self._encoder.embed(captions).to(torch.float16)  # as it is read back: a first run is like the next
        with suppress(OSError):  # a cache is a convenience: the next start computes them again
            write_table(cached, made, key=key)
        return made.float()


def _captions(role: Role) -> tuple[str, ...]:
    return tuple(dict.fromkeys(caption for kind in OF_ROLE[role] for caption in kind.known_as))


def _all_captions() -> list[str]:
    return [caption for role in OF_ROLE for caption in _captions(role)]


@cache
def _kind_of(role: Role) -> dict[str, str]:
    return {caption: kind.name for kind in OF_ROLE[role] for caption in kind.known_as}


def _key(captions: Sequence[str]) -> str:
    """Changes with the captions and with the sentence encoder's weights."""
    digest = hashlib.blake2b(digest_size=16)
    with (sentence_folder() / "model.safetensors").open("rb") as file:
        digest.update(file.read(_SAMPLE))
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _SAMPLE))
        digest.update(file.read())
    digest.update("\n".join((str(size), *captions)).encode())
    return digest.hexdigest()


def _main() -> None:
    captions = _all_captions()
    write_table(_SHIPPED, SentenceEncoder().embed(captions).to(torch.float16), key=_key(captions))


if __name__ == "__main__":
    _main()
