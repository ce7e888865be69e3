"""Owns what each clip is asked to sound like: flags, cue sheets, markers and earlier runs, in that order.

The precedence is documented in docs/prompts.md and decided here, field by field. Reads and writes clip metadata;
renders nothing.
"""

import copy
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from itertools import groupby, repeat
from typing import TYPE_CHECKING, Any

from otio_v2a.cue_fields import Wish, parse_role, wish_from_fields
from otio_v2a.cues import Cue, CueBook, Ranked, clip_matches, nearest_names
from otio_v2a.errors import PromptError
from otio_v2a.lazily import Grouped
from otio_v2a.markers import marker_wishes
from otio_v2a.spans import ClipSpan, CutTiming, MediaFile, Outlines, Spans
from otio_v2a_engine.contract import PromptSpec, Role

if TYPE_CHECKING:
    import opentimelineio as otio

__all__ = [
    "DEFAULT_ROLES",
    "Ask",
    "Asks",
    "PromptFlags",
    "default_seed",
    "reroll_seed",
    "resolve",
    "take_seed",
    "write_back",
]

DEFAULT_ROLES = (Role.FX, Role.AMB)
NAMESPACE = "otio_v2a"
# Short enough to read out, and exact in every program that keeps JSON numbers as floats.
_SEED_BITS = 31
_FIELDS = ("text", "negative_text", "transcript", "seed", "takes")
_MARKER = "marker"
_ANY_SPAN = ClipSpan("", "", "", Fraction(0), Fraction(1), Fraction(1), MediaFile(""))
# A clip that a higher track covers in the middle is seen in parts, with ids like `3fa9c1-2`.
_PART = "-"


@dataclass(frozen=True)
class PromptFlags:
    """What this run was told on the command line or in the panel; None means "not told".

    Attributes:
        text: prompt of every clip and role.
        negative_text: negative prompt of every clip and role.
        transcript: words to speak, in every clip.
        roles: stems to make.
        seed: seed of the first take, of every clip and role.
        takes: number of takes.
        clips: names, ids or patterns of the only clips to ask for; empty is all.
    """

    text: str | None = None
    negative_text: str | None = None
    transcript: str | None = None
    roles: tuple[Role, ...] | None = None
    seed: int | None = None
    takes: int | None = None
    clips: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # The same bounds as in a cue sheet.
        wish_from_fields({"seed": self.seed, "takes": self.takes}, where="the options")

    def wishes(self) -> tuple[Ranked, ...]:
        """What they ask of every stem; none when they ask for nothing."""
        wish = Wish(
            text=self.text,
            negative_text=self.negative_text,
            transcript=self.transcript,
            seed=self.seed,
            takes=self.takes,
        )
        return () if wish.is_empty else (Ranked(wish, rank=0),)


@dataclass(frozen=True)
class Ask:
    """What one clip's stem is asked to be.

    Attributes:
        span: the clip.
        prompt: texts and role.
        seed: seed of the first take.
        takes: how many takes.
        from_marker: fields that a marker on the clip gave, and "role" when only a marker names the role.
        markers: digest of the markers' wishes at this time; empty when there are none.
    """

    span: ClipSpan
    prompt: PromptSpec
    seed: int
    takes: int = 1
    from_marker: frozenset[str] = field(default=frozenset())
    markers: str = ""


class Asks(Grouped[Ask]):
    """Asks in the clips' order, grouped by clip.

    Most clips of a long cut have no wish of their own: their asks differ in the clip and its seed only, and are
    made when somebody looks at them.
    """

    def __init__(self, spans: Sequence[ClipSpan], *, own: Mapping[int, tuple[Ask, ...]], like: tuple[Ask, ...]) -> None:
        """`own` are the asks of the spans that have wishes, by their place; all others are asked for what `like` says.

        Of `like`, a negative seed stands for the default seed of each clip.
        """
        self._spans = spans
        self._own = own
        self._like = like
        super().__init__(map(len, self.kinds()), self._asks_of)

    @classmethod
    def of(cls, asks: Sequence[Ask]) -> "Asks":
        """Any asks, neighbours for the same span as one group."""
        if isinstance(asks, cls):
            return asks
        groups = [tuple(group) for _, group in groupby(asks, key=lambda ask: id(ask.span))]
        return cls([group[0].span for group in groups], own=dict(enumerate(groups)), like=())

    @property
    def roles(self) -> set[Role]:
        """The stems that are asked for."""
        return {ask.prompt.role for group in (*self._own.values(), self._like) for ask in group}

    @property
    def spans(self) -> Sequence[ClipSpan]:
        """The span of each group."""
        return self._spans

    @property
    def outlines(self) -> Outlines | None:
        """What is known of the groups' spans before they are made; None when nothing is."""
        return self._spans.outlines if isinstance(self._spans, Spans) else None

    @property
    def own(self) -> Iterator[tuple[Ask, ...]]:
        """The groups of clips that may have wishes of their own; no other clip has markers or metadata."""
        return iter(self._own.values())

    def kinds(self) -> Iterator[tuple[Ask, ...]]:
        """Per group, asks that have its prompts and numbers of takes.

        For all clips without wishes of their own it is the same tuple, of no clip and with other seeds.
        """
        own, like = self._own, self._like
        if not own:
            return repeat(like, len(self._spans))
        return (own.get(number, like) for number in range(len(self._spans)))

    def _asks_of(self, number: int) -> tuple[Ask, ...]:
        own = self._own.get(number)
        if own is not None:
            return own
        span = self._spans[number]
        return tuple(
            Ask(
                span=span,
                prompt=like.prompt,
                seed=default_seed(span.clip_id, like.prompt.role) if like.seed < 0 else like.seed,
                takes=like.takes,
            )
            for like in self._like
        )


@dataclass(frozen=True)
class _Stored:
    """What an earlier run, or a hand, wrote into a clip's metadata."""

    wishes: tuple[Ranked, ...] = ()
    roles: tuple[Role, ...] | None = None
    markers: str | None = None
    from_marker: Mapping[Role, frozenset[str]] = field(default_factory=dict)


def resolve(
    spans: Sequence[ClipSpan],
    *,
    flags: PromptFlags | None = None,
    cues: Sequence[Cue] = (),
    timing: CutTiming | None = None,
) -> Asks:
    """What every clip is asked for: one ask per clip and role, in the clips' order.

    `timing` is the cut's clock, for cues keyed by timecode; without it record time starts at 00:00:00:00.

    Raises:
        PromptError: a wish cannot be understood, or `flags.clips` names a clip that is not there.
    """
    flags = flags or PromptFlags()
    book = CueBook(cues, timing=timing or _clock(spans)) if cues else None
    told = flags.wishes()
    chosen = _chosen(spans, flags.clips)
    own: dict[int, tuple[Ask, ...]] = {}
    numbers = chosen.wished if book is None and isinstance(chosen, Spans) else range(len(chosen))
    for number in numbers:
        span = chosen[number]
        from_cues = book.wishes(span) if book is not None else ()
        if from_cues or span.markers or span.metadata:
            own[number] = _asks_of(span, told=told, cues=from_cues, roles=flags.roles)
    like: tuple[Ask, ...] = ()
    if len(own) < len(chosen):
        seed = -1 if flags.seed is None else flags.seed
        like = tuple(replace(ask, seed=seed) for ask in _asks_of(_ANY_SPAN, told=told, cues=(), roles=flags.roles))
    return Asks(chosen, own=own, like=like)


def _asks_of(
    span: ClipSpan, *, told: Sequence[Ranked], cues: Sequence[Ranked], roles: Sequence[Role] | None
) -> tuple[Ask, ...]:
    asks = []
    from_markers = marker_wishes(span)
    stored = _stored(span)
    asked = {*(roles or stored.roles or DEFAULT_ROLES), *_named(cues)}
    marked = _named(from_markers) - asked
    for role in Role:
        if role in asked or role in marked:
            ask = _ask(span, role, told=told, cues=cues, markers=from_markers, stored=stored)
            asks.append(replace(ask, from_marker=ask.from_marker | {"role"}) if role in marked else ask)
    return tuple(asks)


def default_seed(clip_id: str, role: str) -> int:
    """The seed of a clip's stem when nobody chose one: always the same, different for each clip and role."""
    return _digest_seed(f"{role}\n{clip_id}")


def take_seed(seed: int, take: int) -> int:
    """The seed of the k-th take, 1-based: the first has the seed itself, the others follow from it."""
    return seed if take == 1 else _digest_seed(f"take {take} of {seed}")


def reroll_seed(seed: int, number: int) -> int:
    """The seed of a take's n-th re-roll: the 0-th is the take itself, the others follow from its seed."""
    return seed if number == 0 else _digest_seed(f"re-roll {number} of {seed}")


def write_back(timeline: "otio.schema.Timeline", asks: Sequence[Ask]) -> "otio.schema.Timeline":
    """A copy of the timeline whose clips remember what they were asked for, so that the next run needs no flags.

    Roles that were not asked for this time keep what they had. Clips that the timeline does not have are left out.
    """
    from otio_v2a.timeline import clips_by_id

    result = copy.deepcopy(timeline)
    by_span: dict[str, list[Ask]] = {}
    for ask in asks:
        by_span.setdefault(ask.span.clip_id, []).append(ask)
    clips = clips_by_id(result)
    for span_id, of_span in by_span.items():
        clip_id, _, part = span_id.partition(_PART)
        if clip_id in clips:
            metadata = clips[clip_id].metadata
            metadata[NAMESPACE] = remembered(metadata.get(NAMESPACE, {}), of_span, part=part)
    return result


def remembered(own: Mapping[str, Any], asks: Sequence[Ask], *, part: str = "") -> dict[str, Any]:
    """A clip's `otio_v2a` metadata with its asks; entries for other roles, and of others, stay as they are.

    Of a clip that is seen in several parts, each part is remembered by its number.
    """
    if part:
        parts = dict(own.get("parts", {}))
        parts[part] = remembered(parts.get(part, {}), asks)
        return {**own, "parts": parts}
    prompts = dict(own.get("prompts", {}))
    for ask in asks:
        entry: dict[str, Any] = {
            "text": ask.prompt.text,
            "negative_text": ask.prompt.negative_text,
            "transcript": ask.prompt.transcript,
            "seed": ask.seed,
            "takes": ask.takes,
        }
        if ask.from_marker:
            entry["from_marker"] = sorted(ask.from_marker)
        prompts[ask.prompt.role.value] = entry
    return {
        **own,
        "prompts": prompts,
        "roles": [ask.prompt.role.value for ask in asks if "role" not in ask.from_marker],
        "markers": asks[0].markers if asks else "",
    }


def _chosen(spans: Sequence[ClipSpan], keys: Sequence[str]) -> Sequence[ClipSpan]:
    for key in keys:
        if not any(clip_matches(key, span) for span in spans):
            near = nearest_names(key, spans)
            raise PromptError(f"no clip is called {key!r}{f'; nearest: {near}' if near else ''}")
    return [span for span in spans if any(clip_matches(key, span) for key in keys)] if keys else spans


def _clock(spans: Sequence[ClipSpan]) -> CutTiming:
    rate = spans[0].rate if spans else Fraction(25)
    end_s = max((span.record_end_s for span in spans), default=Fraction(0))
    return CutTiming(rate=rate, global_start_s=Fraction(0), duration_s=end_s)


def _named(wishes: Sequence[Ranked]) -> set[Role]:
    """The stems that wishes name."""
    return {ranked.wish.role for ranked in wishes if ranked.wish.role is not None}


def _ask(
    span: ClipSpan,
    role: Role,
    *,
    told: Sequence[Ranked],
    cues: Sequence[Ranked],
    markers: Sequence[Ranked],
    stored: _Stored,
) -> Ask:
    digest = _digest_of(markers)
    unchanged = stored.markers == digest
    given = stored.from_marker.get(role, frozenset())
    values: dict[str, Any] = {}
    from_marker = set()
    for name in _FIELDS:
        # A run that knew these same markers has weighed them already; a changed marker is news, and what an
        # older one had given is gone with it.
        earlier = None if name in given and not unchanged else _pick(stored.wishes, role, name)
        marked = _pick(markers, role, name)
        order = [("flag", _pick(told, role, name)), ("cue", _pick(cues, role, name))]
        if unchanged:
            order += [(_MARKER if name in given else "earlier", earlier), (_MARKER, marked)]
        else:
            order += [(_MARKER, marked), ("earlier", earlier)]
        source, values[name] = next(((who, value) for who, value in order if value is not None), ("default", None))
        if source == _MARKER:
            from_marker.add(name)
    prompt = PromptSpec(
        text=values["text"] or "",
        negative_text=values["negative_text"] or "",
        role=role,
        transcript=values["transcript"] or "",
    )
    return Ask(
        span=span,
        prompt=prompt,
        seed=default_seed(span.clip_id, role) if values["seed"] is None else values["seed"],
        takes=values["takes"] or 1,
        from_marker=frozenset(from_marker),
        markers=digest,
    )


def _pick(wishes: Sequence[Ranked], role: Role, name: str) -> Any:
    """One field for one role: a wish for the role beats one for all, then the closer key, then the later wish.

    Texts of wishes keyed by time are joined, in their order.
    """
    if not wishes:
        return None
    for wanted in (role, None):
        candidates = [ranked for ranked in wishes if ranked.wish.role is wanted and _value(ranked, name) is not None]
        if not candidates:
            continue
        rank = max(ranked.rank for ranked in candidates)
        best = [ranked for ranked in candidates if ranked.rank == rank]
        if best[-1].joins and isinstance(_value(best[-1], name), str):
            texts = dict.fromkeys(_value(ranked, name) for ranked in best if _value(ranked, name))
            return (" " if name == "transcript" else ", ").join(texts)
        return _value(best[-1], name)
    return None


def _value(ranked: Ranked, name: str) -> Any:
    return getattr(ranked.wish, name)


def _stored(span: ClipSpan) -> _Stored:
    """Read the clip's own metadata: `{"prompts": {"FX": {"text": ...} or "text"}, "roles": ["FX"], ...}`."""
    where = f"metadata of clip {span.name!r} on {span.track!r}"
    parts = span.metadata.get("parts")
    part = span.clip_id.partition(_PART)[2]
    own = parts[part] if part and isinstance(parts, Mapping) and part in parts else span.metadata
    if not isinstance(own, Mapping):
        raise PromptError(f"{where}: 'parts' must hold tables")
    entries = own.get("prompts", {})
    if not isinstance(entries, Mapping):
        raise PromptError(f"{where}: 'prompts' must name roles, like {{'FX': {{'text': 'rain'}}}}")
    wishes: list[Ranked] = []
    given: dict[Role, frozenset[str]] = {}
    for name, entry in entries.items():
        plain = {"text": entry} if isinstance(entry, str) else entry
        if not isinstance(plain, Mapping):
            raise PromptError(f"{where}: the prompt for {name!r} is neither text nor a table")
        fields = {key: value for key, value in plain.items() if key != "from_marker"}
        _, wish = wish_from_fields({**fields, "role": name}, where=where)
        wishes.append(Ranked(wish, rank=0))
        if wish.role is not None:
            given[wish.role] = frozenset(str(item) for item in plain.get("from_marker", ()))
    markers = own.get("markers")
    return _Stored(
        wishes=tuple(wishes),
        roles=_stored_roles(own.get("roles"), where=where),
        markers=markers if isinstance(markers, str) else None,
        from_marker=given,
    )


def _stored_roles(names: Any, *, where: str) -> tuple[Role, ...] | None:
    if names is None:
        return None
    try:
        return tuple(parse_role(str(name)) for name in names)
    except (TypeError, ValueError) as error:
        raise PromptError(f"{where}: {error}") from error


def _digest_of(markers: Sequence[Ranked]) -> str:
    if not markers:
        return ""
    text = "\n".join(repr(sorted(asdict(ranked.wish).items())) for ranked in markers)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _digest_seed(text: str) -> int:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - _SEED_BITS)
