"""Turns shards of scenes into what the flow model learns from: what is asked for, and the sound it should make.

An effect is asked for in several ways: everything that is seen; one of several acts, while the others stay silent
because they are not asked for or because they are forbidden; something forbidden that is not there anyway.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from otio_v2a_engine.contract import Role
from otio_v2a_engine.models.codec import PcaCodec, fit_pca
from otio_v2a_engine.models.timbre import TIMBRE, TimbreSpace, describe, fit_timbre
from otio_v2a_engine.training import checkpoint, shards
from otio_v2a_engine.training.pictures import disguised, kinds_of, onset_slots, softened

__all__ = ["ROLES", "Drawing", "Examples", "load_codec", "load_timbre_space"]

ROLES = (Role.FX, Role.AMB, Role.DX)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drawing:
    """How examples are drawn.

    Attributes:
        tokens: tokens a step; a batch is this divided by the window's tokens.
        windows: lengths of window in tokens, drawn with equal odds.
        several_share: share that is drawn from scenes of several acts alone; the rest from all.
        shares: odds of each of `ROLES`; of those that the shards have.
        told_share: share of the FX that are told the events that sound.
        seen_share: share that are told those that the encoder sees, as rendering does.
        noise: middle of the times, as a logit: below 0 most are nearer to noise, where it is decided what sounds.
    """

    tokens: int = 3200
    windows: tuple[int, ...] = (50, 100, 150, 200)
    several_share: float = 0.25
    shares: tuple[float, ...] = (0.62, 0.13, 0.25)
    told_share: float = 0.3
    seen_share: float = 0.4
    noise: float = -0.5


def load_codec(folder: Path, shard_paths: list[Path]) -> PcaCodec:
    """The codec of a run: read from `folder`, or fitted on the first shards and written there."""
    path = folder / "codec.safetensors"
    if not path.exists():
        stems = [shards.read_shard(shard).mel for shard in shard_paths[:6]]
        mel = [mels[role] for mels in stems for role in (Role.FX, Role.FX, *ROLES[1:]) if role in mels]
        save_file(fit_pca(torch.cat(mel).float()).tensors(), path)
    return PcaCodec(**load_file(path))


def load_timbre_space(folder: Path, shard_paths: list[Path]) -> TimbreSpace:
    """The space of timbres of a run: read from `folder`, or fitted on the first and last shards and written there."""
    path = folder / "timbre.safetensors"
    if not path.exists():
        chosen = sorted({*shard_paths[:4], *shard_paths[-3:]})
        mels = (mel for shard in map(shards.read_shard, chosen) for role in ROLES for mel in shard.mel.get(role, ()))
        said = [row for mel in mels if (row := describe(mel.float().numpy())) is not None]
        save_file(fit_timbre(torch.from_numpy(np.stack(said))).tensors(), path)
    return TimbreSpace(**load_file(path))


@dataclass(frozen=True)
class _Ask:
    """What one example asks for, and what it should get.

    Attributes:
        latents: `(200, latent)` of the sound that is wanted.
        text: of the prompt; "" for none.
        negative: of the negative prompt; "" for none.
        events: `(200, 4)`, where that sound begins.
        timbre: `(65,)` of that sound; NaN of silence.
    """

    latents: Tensor
    text: str
    negative: str
    events: Tensor
    timbre: Tensor


@dataclass(frozen=True)
class _Part:
    """One of several acts: its own latents, caption and events, and what the others are called together."""

    latents: Tensor
    caption: str
    others: str
    events: Tensor
    timbre: Tensor


@dataclass(frozen=True)
class _Drawn:
    """What some examples ask for, `(N,)` each.

    Attributes:
        roles: indices of `ROLES`.
        scenes: indices.
        sees, reads: whether the picture is seen, the text read.
        given: whether anything at all is said; where it is not, neither is.
        asks: of each.
    """

    roles: npt.NDArray[np.int64]
    scenes: npt.NDArray[np.int64]
    sees: npt.NDArray[np.bool_]
    reads: npt.NDArray[np.bool_]
    given: npt.NDArray[np.bool_]
    asks: list[_Ask]


class Examples:
    """Shards in memory as latents; `refresh` takes those that appeared."""

    def __init__(self, folder: Path, run_folder: Path) -> None:
        self.folder = folder
        self.codec = load_codec(run_folder, shards.paths(folder))
        self.space = load_timbre_space(run_folder, shards.paths(folder))
        self.latents: dict[Role, dict[int, Tensor]] = {role: {} for role in ROLES}
        self.texts: dict[Role, dict[int, str]] = {role: {} for role in ROLES}
        self.timbres: dict[Role, dict[int, Tensor]] = {role: {} for role in ROLES}
        self.maps: list[Tensor] = []
        self.cuts: list[Tensor] = []
        self.events: list[Tensor] = []
        self.kinds: list[set[str]] = []
        self.kinds_at: list[Tensor] = []
        self.levels: list[Tensor] = []
        self.talking: list[bool] = []
        self.parts: dict[int, list[_Part]] = {}
        self.embeddings: dict[str, Tensor] = {"": torch.zeros(384)}
        self.silence = self.codec.silence(shards.SCENE_TOKENS).half()[0]
        self._known = 0

    def __len__(self) -> int:
        return len(self.maps)

    def refresh(self) -> None:
        """Read new shards and embed their captions."""
        from otio_v2a_engine.conditioning import SentenceEncoder

        new = shards.paths(self.folder)[self._known :]
        if not new:
            return
        encoder = SentenceEncoder()
        for path in new:
            shard = shards.read_shard(path)
            for index, acts in shard.parts.items():
                coded = self.codec.encode(torch.stack([act.mel for act in acts]).float()).half()
                words = [act.caption for act in acts]
                onsets = [onset_slots(act.onsets_s).float() for act in acts]
                timbres = [self._timbre(act.mel) for act in acts]
                self.parts[len(self) + index] = [
                    _Part(latents, words[i], " and ".join(words[:i] + words[i + 1 :]), onsets[i], timbres[i])
                    for i, latents in enumerate(coded)
                ]
            texts = {text for parts in self.parts.values() for part in parts for text in (part.caption, part.others)}
            for role, mel in ((role, shard.mel[role]) for role in ROLES if role in shard.mel):
                self.latents[role] |= dict(enumerate(self.codec.encode(mel.float()).half(), len(self)))
                self.texts[role] |= dict(enumerate(shard.captions[role], len(self)))
                self.timbres[role] |= dict(enumerate(map(self._timbre, mel), len(self)))
                texts.update(shard.captions[role])
            for text in sorted(texts - self.embeddings.keys()):
                self.embeddings[text] = encoder.embed([text])[0]
            self.events += [onset_slots(onsets_s).float() for onsets_s in shard.onsets_s]
            self.kinds += [set(kinds[:-1]) for kinds in shard.kinds]
            sights = shard.sights
            self.kinds_at += kinds_of(sights)
            self.levels += list(sights.levels)
            self.talking += shard.talking
            self.maps += list(shard.maps)
            self.cuts += list(shard.cuts)
            self._known += 1
        _log.info("%d scenes, %d captions", len(self), len(self.embeddings))

    def _timbre(self, mel: Tensor) -> Tensor:
        """`(65,)` of a log-mel `(800, 96)`; NaN of silence."""
        said = describe(mel.float().numpy())
        return torch.full((TIMBRE,), torch.nan) if said is None else self.space.encode(torch.from_numpy(said))

    def _stranger(self, rng: np.random.Generator, scene: int) -> str:
        """The caption of a scene in which nothing of this one happens; "" if none is found soon."""
        for other in rng.integers(0, len(self), 4):
            if self.kinds[other] and not self.kinds[other] & self.kinds[scene]:
                return self.texts[Role.FX][int(other)]
        return ""

    def _everything(self, scene: int, role: Role) -> _Ask:
        """All that a stem of a scene holds, by its caption."""
        timbre = self.timbres[role][scene]
        return _Ask(self.latents[role][scene], self.texts[role][scene], "", self.events[scene], timbre)

    def _silent(self, ask: _Ask) -> _Ask:
        """The same, but nothing sounds."""
        return replace(ask, latents=self.silence, timbre=torch.full((TIMBRE,), torch.nan))

    def _ask(self, rng: np.random.Generator, scene: int, role: Role, *, reads: bool) -> _Ask:
        """What to ask of a scene. `reads` says whether the prompt will be read."""
        everything = self._everything(scene, role)
        if role is Role.DX and not reads and not self.talking[scene]:
            return self._silent(everything)  # nobody asks for a voice, and none is seen
        if role is not Role.FX:
            return everything
        choice = rng.random()
        parts = self.parts.get(scene)
        if parts is not None and choice < 0.7:
            part = parts[int(rng.integers(len(parts)))]
            prompt, negative = part.caption, part.others
            if reads and choice < 0.3:
                negative = ""  # what is not asked for stays silent
            elif choice > 0.52:
                prompt = everything.text  # what is forbidden stays silent although it is asked for
            return _Ask(part.latents, prompt, negative, part.events, part.timbre)
        if choice > 0.85:
            return replace(everything, negative=self._stranger(rng, scene))
        if parts is None and choice < 0.03 and not reads and self.kinds[scene]:
            silent = self._silent(everything)
            return replace(silent, text="", negative=everything.text, events=torch.zeros_like(everything.events))
        return everything

    def _draw(self, rng: np.random.Generator, drawing: Drawing, size: int) -> _Drawn:
        """What `size` examples ask for, and whether their picture is seen and their text read."""
        odds = np.array([share * bool(self.texts[role]) for share, role in zip(drawing.shares, ROLES, strict=True)])
        roles = rng.choice(len(ROLES), size, p=odds / odds.sum())
        scenes = np.empty(size, np.int64)
        for role in np.unique(roles):
            having = np.array(list(self.texts[ROLES[role]]))
            scenes[roles == role] = having[rng.integers(0, len(having), int((roles == role).sum()))]
        if self.parts:
            of_several = np.array(sorted(self.parts))[rng.integers(0, len(self.parts), size)]
            several = (roles == 0) & (rng.random(size) < drawing.several_share)
            scenes = np.where(several, of_several, scenes)
        drop = rng.random(size)  # 9 % of all both, 9 % the picture alone, 12 % the text alone
        sees = drop >= 0.18
        reads = (drop >= 0.30) | ((drop >= 0.09) & ~sees)
        asks = [
            self._ask(rng, scene, ROLES[role], reads=bool(read)) if drop_ >= 0.09
            else replace(self._everything(scene, ROLES[role]), text="")
            for scene, role, read, drop_ in zip(scenes.tolist(), roles, reads, drop, strict=True)
        ]  # fmt: skip
        return _Drawn(roles, scenes, sees, reads, drop >= 0.09, asks)

    def asked(self, drawing: Drawing, size: int, *, seed: int, step: int) -> dict[str, Tensor]:
        """What the prior of timbres learns from: what `size` examples ask for, without sound; see `batch`.

        `scene` says of which the picture is.
        """
        drawn = self._draw(checkpoint.rng_for(seed, step), drawing, size)
        return self._prompts(drawn) | {"see": torch.from_numpy(drawn.sees), "scene": torch.from_numpy(drawn.scenes)}

    def _prompts(self, drawn: _Drawn) -> dict[str, Tensor]:
        timbres = torch.stack([ask.timbre for ask in drawn.asks])
        return {
            "text": torch.stack([self.embeddings[ask.text] for ask in drawn.asks]),
            "negative": torch.stack([self.embeddings[ask.negative] for ask in drawn.asks]),
            "avoid": torch.tensor([bool(ask.negative) for ask in drawn.asks]),
            "read": torch.from_numpy(drawn.reads),
            "role": torch.from_numpy(drawn.roles),
            "timbre": timbres.nan_to_num(),
            "sounds": ~timbres[:, 0].isnan(),
        }

    def batch(self, drawing: Drawing, *, seed: int, step: int) -> dict[str, Tensor]:
        """The batch of one step: a pure function of seed and step, and of the shards there are."""
        rng = checkpoint.rng_for(seed, step)
        n_tokens = int(rng.choice(drawing.windows))
        size = max(1, drawing.tokens // n_tokens)
        drawn = self._draw(rng, drawing, size)
        roles, scenes, sees, asks = drawn.roles, drawn.scenes, drawn.sees, drawn.asks
        cut = [self._window(rng, ask.events, n_tokens) for ask in asks]
        prompts = self._prompts(drawn)
        # Guidance compares with what neither reads nor knows a timbre: where no text is read, half do not know it.
        known = drawn.given & (rng.random(size) < np.where(drawn.reads, 0.75, 0.5)) & prompts["sounds"].numpy()
        knows = rng.random(size)
        told = (roles == 0) & drawn.given & (knows < drawing.told_share)
        seen = (roles == 0) & sees & ~told & (knows < drawing.told_share + drawing.seen_share)
        # Some that are told their events see another scene's picture: what is told overrules what is seen.
        shown = np.where(told & (rng.random(size) < 0.3), rng.integers(0, len(self), size), scenes)
        cuts = torch.stack([self.cuts[i][c] for i, c in zip(shown, cut, strict=True)]).float()
        windows = (self.maps[i][c].float() for i, c in zip(shown, cut, strict=True))
        maps = torch.stack([disguised(window, flags, rng) for window, flags in zip(windows, cuts, strict=True)])
        see = np.broadcast_to(sees[:, None], (size, n_tokens)).copy()
        for row in np.flatnonzero(told & (rng.random(size) < 0.35)):  # parts hidden, as around an edited event
            for _ in range(int(rng.integers(1, 5))):
                first, length = int(rng.integers(-8, n_tokens)), int(rng.integers(10, 40))
                see[row, max(0, first) : max(0, first + length)] = False
        events = torch.stack([ask.events[c] for ask, c in zip(asks, cut, strict=True)])
        is_told = torch.from_numpy(told).float()[:, None, None]
        onsets = softened(torch.stack([self.events[i] for i in scenes]))
        return prompts | {
            "maps": maps,
            "cuts": cuts,
            "events": torch.cat([events * is_told, is_told.expand(-1, n_tokens, 1)], dim=2),
            "seen": torch.from_numpy(seen),
            "seen_own": torch.from_numpy(shown == scenes),
            "x1": torch.stack([ask.latents[c] for ask, c in zip(asks, cut, strict=True)]).float(),
            "onsets": torch.stack([row[c] for row, c in zip(onsets, cut, strict=True)]),
            "kinds": torch.stack([self.kinds_at[i][c] for i, c in zip(scenes, cut, strict=True)]).long(),
            "levels": torch.stack([self.levels[i][c] for i, c in zip(scenes, cut, strict=True)]),
            "known": torch.from_numpy(known),
            "see": torch.from_numpy(see),
            "t": torch.from_numpy(1 / (1 + np.exp(-rng.normal(drawing.noise, 1.2, size)))).float(),
            "x0": torch.from_numpy(rng.standard_normal((size, n_tokens, len(self.codec.scale))).astype(np.float32)),
        }

    @staticmethod
    def _window(rng: np.random.Generator, events: Tensor, n_tokens: int) -> slice:
        """Where the window of an example lies: half of them around one of its events, so that silence is not all."""
        last = shards.SCENE_TOKENS - n_tokens
        start = int(rng.integers(0, last + 1))
        at = events.amax(1).nonzero()[:, 0]
        if len(at) and rng.random() < 0.5:
            start = min(last, max(0, int(at[int(rng.integers(len(at)))]) - int(rng.integers(4, n_tokens - 10))))
        return slice(start, start + n_tokens)
