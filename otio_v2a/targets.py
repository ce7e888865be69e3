"""What each host needs of a timeline, and what it cannot carry. Owns the last step: one atomic write.

    portable   .otio, our paths relative to it, file times from 0: what every OTIO reader takes
    resolve    .otio, bare absolute paths, our file times in the files' own timecode, a timeline name of its own
    premiere   .otio, file:// URLs, our file times in the files' own timecode
    otioz      .otioz, one file with the media inside
    fcp_xml    Final Cut Pro 7 XML through OTIO's adapter

Host metadata is written on our own tracks and clips only.
"""

import copy
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import opentimelineio as otio
from opentimelineio.adapters import otioz
from opentimelineio.adapters.file_bundle_utils import MediaReferencePolicy

from otio_v2a import media
from otio_v2a.atomic import atomic_file, atomic_path
from otio_v2a.dialects import is_generated
from otio_v2a.errors import MediaError, TargetError
from otio_v2a.losses import Loss, losses_of
from otio_v2a.tracks import NAMESPACE, generated_clips, own_metadata, save

__all__ = [
    "Loss",
    "Target",
    "activate",
    "losses",
    "refuse_fatal",
    "spell",
    "suffix",
    "target_of",
    "with_paths",
    "write",
]

_RESOLVE = "Resolve_OTIO"
_PREMIERE = "PremierePro_OTIO"


class Target(StrEnum):
    """A host, or a family of hosts, that a timeline is written for."""

    PORTABLE = "portable"
    RESOLVE = "resolve"
    PREMIERE = "premiere"
    OTIOZ = "otioz"
    FCP_XML = "fcp_xml"


_SUFFIXES = {Target.OTIOZ: ".otioz", Target.FCP_XML: ".xml"}


def suffix(target: Target) -> str:
    """Suffix of a target's files."""
    return _SUFFIXES.get(target, ".otio")


def losses(timeline: otio.schema.Timeline, target: Target, *, base: Path | None = None) -> tuple[Loss, ...]:
    """What the target will not carry of this timeline, by clip and track; nothing is written.

    With `base`, the folder where relative references start, missing files are named too.
    """
    return losses_of(timeline, str(target), base=base)


def refuse_fatal(found: Sequence[Loss]) -> None:
    """Raise TargetError when a target cannot be written at all with these losses; before any work is done."""
    fatal = [loss for loss in found if loss.fatal]
    if fatal:
        raise TargetError(
            "DaVinci Resolve imports nothing at all when a file is missing; relink it, or write for another target: "
            + "; ".join(map(str, fatal))
        )


def write(
    timeline: otio.schema.Timeline,
    path: Path,
    target: Target,
    *,
    base: Path | None = None,
) -> Path:
    """Write a timeline for a target in one atomic step. Returns the path.

    Args:
        timeline: as `stems.attach` made it, or as it was read; it is not changed.
        path: where it goes, with the target's suffix.
        target: the host.
        base: folder where the cut's relative references start; the folder of `path` when None.

    Raises:
        TargetError: the suffix is another target's, the target cannot carry what it must, or the disk refuses.
    """
    path = Path(os.path.abspath(path))
    if path.suffix.lower() != suffix(target):
        raise TargetError(f"{path}: files for {target} end in {suffix(target)}; choose another name with --out")
    result = copy.deepcopy(timeline)
    _absolute_own(result, base or path.parent)
    try:
        _WRITERS[target](result, path, base or path.parent)
    except OSError as error:
        raise TargetError(f"{path} cannot be written: {error}") from error
    return path


def spell(file: Path, target: Target, *, folder: Path) -> str:
    """How a target refers to a file from a timeline in `folder`."""
    if target is Target.RESOLVE:
        return str(file)
    if target is Target.PORTABLE:
        return _relative(file, folder)
    return file.as_uri()


def _relative(file: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:  # Another drive.
        return file.as_uri()


def _write_portable(timeline: otio.schema.Timeline, path: Path, base: Path) -> None:
    # A cut's own references stay as they are, unless they are relative and the new file lies in another folder.
    if not _same_folder(base, path.parent):
        _rebase_others(timeline, base, lambda file: _relative(file, path.parent), only_relative=True)
    _point(timeline, Target.PORTABLE, path.parent)
    save(timeline, path)


def _write_resolve(timeline: otio.schema.Timeline, path: Path, base: Path) -> None:
    refuse_fatal(losses_of(timeline, str(Target.RESOLVE), base=base))
    changed = _rebase_others(timeline, base, str)
    _point(timeline, Target.RESOLVE, path.parent)
    _in_media_timecode(timeline)
    name = _name_before(timeline)
    # Resolve returns nothing, and no error, when the project has a timeline of that name already.
    timeline.name = f"{name or path.stem} v2a {datetime.now():%Y-%m-%d %H.%M.%S}"
    for track in _own_tracks(timeline):
        stereo = any(own_metadata(clip).get("channels") == 2 for clip in track)
        track.metadata[_RESOLVE] = {"Audio Type": "Stereo" if stereo else "Mono", "Locked": False, "SoloOn": False}
        track.metadata[NAMESPACE].update({"timeline_name": name, "target_urls": changed})
    for clip in generated_clips(timeline):
        channels = own_metadata(clip)["channels"]
        clip.metadata[_RESOLVE] = {
            "Channels": [{"Source Channel ID": channel, "Source Track ID": 0} for channel in range(channels)]
        }
        activate(clip, clip.active_media_reference_key, target=Target.RESOLVE)
    save(timeline, path)


def _write_premiere(timeline: otio.schema.Timeline, path: Path, base: Path) -> None:
    changed = _rebase_others(timeline, base, Path.as_uri)
    _point(timeline, Target.PREMIERE, path.parent)
    _in_media_timecode(timeline)
    for track in _own_tracks(timeline):
        track.metadata[NAMESPACE].update({"target_urls": changed})
    for clip in generated_clips(timeline):
        clip.metadata[_PREMIERE] = {"AudioChannels": own_metadata(clip)["channels"]}
    save(timeline, path)


def _write_otioz(timeline: otio.schema.Timeline, path: Path, base: Path) -> None:
    """Bundle the active references, under names that differ and that the adapter does not decode."""
    for clip in generated_clips(timeline):
        clip.set_media_references(
            {clip.active_media_reference_key: clip.media_reference}, clip.active_media_reference_key
        )
    _point(timeline, Target.OTIOZ, path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.stem[:40]}.", suffix=".partial", dir=path.parent) as folder:
        links = _Links(Path(folder))
        _rebase_others(timeline, base, links.url)
        for clip in generated_clips(timeline):
            clip.media_reference.target_url = links.url(media.resolve(clip.media_reference.target_url, base=base))
        bundle = Path(folder) / path.name
        with _adapter_errors(path):
            otioz.write_to_file(timeline, str(bundle), media_policy=MediaReferencePolicy.MissingIfNotFile)
        with atomic_path(path) as temporary:
            os.replace(bundle, temporary)


class _Links:
    """A file name for every file that is bundled: unique, and of characters that mean themselves in a URL."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._links: dict[Path, Path] = {}

    def url(self, file: Path) -> str:
        """URL of a link to the file."""
        if file not in self._links:
            name = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in file.name)
            self._links[file] = self._link(file, name)
        return str(self._links[file])

    def _link(self, file: Path, name: str) -> Path:
        taken = {link.name.casefold() for link in self._links.values()}
        stem, dot, end = name.rpartition(".")
        number, unique = 2, name
        while unique.casefold() in taken:
            unique, number = f"{stem}-{number}{dot}{end}", number + 1
        link = self._folder / "media" / unique
        link.parent.mkdir(exist_ok=True)
        try:
            os.symlink(file, link)
        except OSError:  # Windows without the right to make links.
            shutil.copyfile(file, link)
        return link


def _write_fcp_xml(timeline: otio.schema.Timeline, path: Path, base: Path) -> None:
    from otio_v2a.fcp import adapted

    try:
        # The adapter's own module: OTIO's front door would run write hooks, ours among them.
        adapter = otio.adapters.from_name("fcp_xml").module()
    except otio.exceptions.OTIOError as error:
        raise TargetError(
            "Final Cut Pro 7 XML needs the package otio-fcp-adapter: pip install otio-fcp-adapter"
        ) from error
    _rebase_others(timeline, base, Path.as_uri)
    _point(timeline, Target.FCP_XML, path.parent)
    _in_media_timecode(timeline)
    with _adapter_errors(path):
        text = adapter.write_to_string(adapted(timeline))
    with atomic_file(path) as file:
        file.write(text.encode())


_WRITERS: dict[Target, Callable[[otio.schema.Timeline, Path, Path], None]] = {
    Target.PORTABLE: _write_portable,
    Target.RESOLVE: _write_resolve,
    Target.PREMIERE: _write_premiere,
    Target.OTIOZ: _write_otioz,
    Target.FCP_XML: _write_fcp_xml,
}


def activate(clip: otio.schema.Clip, key: str, *, target: Target) -> None:
    """Make a media reference of one of our clips the active one, as the target wants it.

    Resolve is known to read the reference under OTIO's default key: there the active take stands under that too.
    """
    references = dict(clip.media_references())
    if target is Target.RESOLVE:
        if key == otio.schema.Clip.DEFAULT_MEDIA_KEY:
            return
        references[otio.schema.Clip.DEFAULT_MEDIA_KEY] = copy.deepcopy(references[key])
        key = otio.schema.Clip.DEFAULT_MEDIA_KEY
    clip.set_media_references({name: copy.deepcopy(reference) for name, reference in references.items()}, key)


def target_of(timeline: otio.schema.Timeline) -> Target:
    """The target that our tracks were written for."""
    for track in _own_tracks(timeline):
        try:
            return Target(own_metadata(track).get("target", Target.PORTABLE))
        except ValueError:
            break
    return Target.PORTABLE


def _own_tracks(timeline: otio.schema.Timeline) -> list[otio.schema.Track]:
    return [track for track in timeline.tracks if is_generated(track)]


def _name_before(timeline: otio.schema.Timeline) -> str:
    """The timeline's name before we gave it another."""
    return next(
        (
            str(own_metadata(track)["timeline_name"])
            for track in _own_tracks(timeline)
            if "timeline_name" in own_metadata(track)
        ),
        timeline.name,
    )


def _same_folder(a: Path, b: Path) -> bool:
    return os.path.realpath(a) == os.path.realpath(b)


def _absolute_own(timeline: otio.schema.Timeline, base: Path) -> None:
    """Our own files by absolute path, whatever target they were written for before."""
    for clip in generated_clips(timeline):
        for reference in clip.media_references().values():
            reference.target_url = str(_file(reference.target_url, base))


def _file(url: str, base: Path) -> Path:
    try:
        return media.resolve(url, base=base)
    except MediaError:
        return base / url


def _point(timeline: otio.schema.Timeline, target: Target, folder: Path) -> None:
    """Spell our files as the target wants them, in the references and in our metadata."""
    for clip in generated_clips(timeline):
        for reference in clip.media_references().values():
            reference.target_url = spell(Path(reference.target_url), target, folder=folder)
        clip.metadata[NAMESPACE] = with_paths(own_metadata(clip), folder, target)
    for track in _own_tracks(timeline):
        track.metadata[NAMESPACE].update({"target": str(target)})


def with_paths(value: Any, folder: Path, target: Target) -> Any:
    """Our metadata with its paths relative to a portable timeline, absolute in others."""
    if isinstance(value, dict):
        return {
            key: _shown(entry, folder, target) if key == "path" else with_paths(entry, folder, target)
            for key, entry in value.items()
        }
    if isinstance(value, list):
        return [with_paths(entry, folder, target) for entry in value]
    return value


def _shown(path: str, folder: Path, target: Target) -> str:
    file = _file(path, folder)
    return _relative(file, folder) if target is Target.PORTABLE else str(file)


def _rebase_others(
    timeline: otio.schema.Timeline, base: Path, spelled: Callable[[Path], str], *, only_relative: bool = False
) -> dict[str, str]:
    """Spell the cut's own references anew, those that can be found. Returns what each new one was before."""
    earlier: dict[str, str] = {}
    for track in _own_tracks(timeline):
        earlier.update(own_metadata(track).get("target_urls", {}))
    changed: dict[str, str] = {}
    own = {id(clip) for clip in generated_clips(timeline)}
    for clip in timeline.find_clips():
        if id(clip) in own:
            continue
        for reference in clip.media_references().values():
            for name in ("target_url", "target_url_base"):
                url = getattr(reference, name, None)
                if not url or (only_relative and _is_absolute(url)):
                    continue
                file = _existing(url, base, folder=name == "target_url_base")
                if file is not None:
                    setattr(reference, name, spelled(file))
                    changed[getattr(reference, name)] = earlier.get(url, url)
    return changed


def _is_absolute(url: str) -> bool:
    try:
        guess = media.spellings(url)[0]
    except MediaError:
        return True
    return os.path.isabs(guess) or guess[1:2] == ":"


def _existing(url: str, base: Path, *, folder: bool) -> Path | None:
    try:
        if not folder:
            return media.resolve(url, base=base)
        found = (Path(os.path.abspath(base / guess)) for guess in media.spellings(url))
        return next((path for path in found if path.is_dir()), None)
    except MediaError:
        return None


def _in_media_timecode(timeline: otio.schema.Timeline) -> None:
    """Count the times of our files in their own timecode, as `bext` states it, instead of from 0."""
    for clip in generated_clips(timeline):
        own = own_metadata(clip)
        start = Fraction(own["timing"]["global_start_s"]) * Fraction(own["timing"]["rate"])
        first = own["frame"] - own["head_frames"] + round(start)
        clip.source_range = _starting(clip.source_range, first + own["head_frames"])
        for reference in clip.media_references().values():
            reference.available_range = _starting(reference.available_range, first)


def _starting(time_range: otio.opentime.TimeRange, frame: int) -> otio.opentime.TimeRange:
    rate = time_range.start_time.rate
    return otio.opentime.TimeRange(otio.opentime.RationalTime(frame, rate), time_range.duration)


@contextmanager
def _adapter_errors(path: Path) -> Iterator[None]:
    """Adapters raise whatever they like; it is about this file."""
    try:
        yield
    except (TargetError, OSError):
        raise
    except Exception as error:
        raise TargetError(f"{path}: OpenTimelineIO's adapter gave up ({error}); write .otio instead") from error
