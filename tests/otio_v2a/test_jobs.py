"""The plan: exact lengths, handles, shots, hashes that change with the sound and with nothing else."""

import os
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otio_v2a import jobs
from otio_v2a.errors import PlanError
from otio_v2a.jobs import PlanOptions, content_hash, plan
from otio_v2a.media_identity import MediaIdentity, identify
from otio_v2a.prompts import Ask, PromptFlags, default_seed, resolve
from otio_v2a.spans import ClipSpan, MediaFile, Shot, Skipped
from otio_v2a_engine.contract import Picture, PromptSpec, RenderRequest, Role, Sampling, VisualEvent
from otio_v2a_engine.lengths import position
from otio_v2a_engine.specs import FAKE

FAKE_PLAN = PlanOptions(engine="fake")
RATES = [Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(50), Fraction(60000, 1001)]
CUT = SimpleNamespace(skipped=())


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    path = tmp_path / "a.mov"
    path.write_bytes(b"m" * 3_000_000)
    return path


def make_span(movie: Path, **changes) -> ClipSpan:
    span = ClipSpan(
        clip_id="c1",
        name="SH010",
        track="V1",
        record_start_s=Fraction(10),
        duration_s=Fraction(4),
        rate=Fraction(25),
        media=MediaFile(str(movie), Fraction(25), Fraction(60)),
        source_start_s=Fraction(20),
    )
    return replace(span, **changes)


def ask(span: ClipSpan, role: Role = Role.FX, *, takes: int = 1, seed: int = 7, **prompt) -> Ask:
    return Ask(span, PromptSpec(role=role, **prompt), seed=seed, takes=takes)


def only(made: jobs.Plan) -> jobs.GenerationJob:
    (job,) = made.jobs
    return job


def test_a_job_covers_its_clip_and_half_a_second_on_both_sides(movie):
    job = only(plan(CUT, [ask(make_span(movie), text="rain")], options=FAKE_PLAN))
    # 0.5 s at 25 fps is 12.5 frames, rounded to 13.
    assert (job.handle_before, job.handle_after) == (24960, 24960)
    assert (job.record_start, job.span_samples) == (480000, 192000)
    assert job.request == RenderRequest(
        Picture(str(movie), start_s=Fraction(20) - Fraction(13, 25), last_s=Fraction(60) - Fraction(1, 25)),
        PromptSpec("rain"),
        n_samples=24960 + 192000 + 24960,
        seed=7,
    )
    assert job.estimated_s == pytest.approx(241920 / 48000 * FAKE.info.cost_factor)


@given(
    rate=st.sampled_from(RATES),
    sample_rate=st.sampled_from([48000, 44100, 16000]),
    starts=st.lists(st.integers(1, 5000), min_size=2, max_size=5),
    handles=st.fractions(0, 3),
)
def test_clips_that_touch_share_their_border_sample_at_every_rate(tmp_path_factory, rate, sample_rate, starts, handles):
    media = tmp_path_factory.getbasetemp() / "touching.mov"
    media.touch()
    frame, spans = 0, []
    for number, length in enumerate(starts):
        spans.append(
            ClipSpan(f"c{number}", "n", "V1", frame / rate, length / rate, rate, MediaFile(str(media), rate, None))
        )
        frame += length
    options = PlanOptions(engine="fake", sample_rate=sample_rate, handles_s=handles)
    made = plan(CUT, [ask(span) for span in spans], options=options).jobs
    end = 0
    for job, span in zip(made, spans, strict=True):
        assert job.record_start == end
        end = job.record_start + job.span_samples
        assert job.request.n_samples == job.handle_before + job.span_samples + job.handle_after
        frames = (job.record_start - job.handle_before) / Fraction(sample_rate) * rate
        assert abs(frames - round(frames)) <= rate / sample_rate, "a handle begins on a frame"
        # The picture at the clip's first sample is its first frame, to within a sample.
        shown = job.request.picture.start_s + Fraction(job.handle_before, sample_rate)
        assert abs(shown - span.source_start_s) <= Fraction(1, sample_rate)
    assert end == position(frame / rate, sample_rate)


def test_a_handle_does_not_reach_before_the_timeline(movie):
    job = only(plan(CUT, [ask(make_span(movie, record_start_s=Fraction(2, 25)))], options=FAKE_PLAN))
    assert (job.handle_before, job.record_start) == (3840, 3840)
    assert job.request.picture.start_s == Fraction(20) - Fraction(2, 25)
    first = only(plan(CUT, [ask(make_span(movie, record_start_s=Fraction(0)))], options=FAKE_PLAN))
    assert first.handle_before == 0


def test_handles_can_be_none(movie):
    options = replace(FAKE_PLAN, handles_s=Fraction(0))
    job = only(plan(CUT, [ask(make_span(movie, dissolve_after_s=Fraction(1)))], options=options))
    assert (job.handle_before, job.handle_after, job.request.n_samples) == (0, 0, 192000)


def test_a_handle_covers_the_transition_beside_it(movie):
    span = make_span(movie, dissolve_before_s=Fraction(1), dissolve_after_s=Fraction(1, 25))
    job = only(plan(CUT, [ask(span)], options=FAKE_PLAN))
    assert (job.handle_before, job.handle_after) == (48000, 24960)


def test_a_reversed_clip_has_its_handles_in_its_own_direction(movie):
    job = only(plan(CUT, [ask(make_span(movie, speed=Fraction(-2)))], options=FAKE_PLAN))
    assert job.request.picture.start_s == Fraction(20) + 2 * Fraction(13, 25)
    assert job.request.picture.media_time(Fraction(13, 25)) == 20


def test_clips_whose_media_ends_within_a_handle_are_noted_once(movie):
    spans = [
        make_span(movie, name="whole"),
        make_span(movie, clip_id="c2", name="head", source_start_s=Fraction(0)),
        make_span(movie, clip_id="c3", name="tail", source_start_s=Fraction(56)),
    ]
    made = plan(CUT, [ask(span, takes=2) for span in spans], options=FAKE_PLAN)
    assert made.notes == ("the media ends within the handles of head, tail: its first or last picture is held there",)


def test_shots_become_cuts_in_request_time_and_are_looked_for_once_a_clip(movie):
    asked = []

    def finder(span: ClipSpan) -> tuple[Shot, ...]:
        asked.append(span.clip_id)
        return (Shot(Fraction(0), Fraction(1)), Shot(Fraction(1), Fraction(2)), Shot(Fraction(3), Fraction(1)))

    made = plan(CUT, [ask(make_span(movie)), ask(make_span(movie), Role.AMB)], options=FAKE_PLAN, shots=finder)
    assert asked == ["c1"]
    handle = Fraction(13, 25)
    assert [job.request.picture.cuts_s for job in made.jobs] == [(handle + 1, handle + 3)] * 2


def test_each_take_has_its_own_seed_and_hash(movie):
    made = plan(CUT, [ask(make_span(movie), takes=3)], options=FAKE_PLAN).jobs
    assert [job.take for job in made] == [1, 2, 3]
    assert made[0].request.seed == 7
    assert len({job.request.seed for job in made}) == 3
    assert len({job.content_hash for job in made}) == 3


def test_more_takes_keep_the_ones_there_are(movie):
    two = plan(CUT, [ask(make_span(movie), takes=2)], options=FAKE_PLAN).jobs
    three = plan(CUT, [ask(make_span(movie), takes=3)], options=FAKE_PLAN).jobs
    assert [job.content_hash for job in three[:2]] == [job.content_hash for job in two]


def test_a_stem_that_the_engine_cannot_make_is_skipped_and_the_right_engine_named(movie):
    options = PlanOptions(engine="small", role_engines={Role.MUS: "vta-ldm"})
    made = plan(CUT, [ask(make_span(movie)), ask(make_span(movie), Role.MUS)], options=options)
    assert [job.role for job in made.jobs] == [Role.FX]
    assert made.skipped == (Skipped("SH010", "V1", "engine vta-ldm does not make MUS; choose composer or fake for it"),)


def test_the_engine_that_ships_leaves_music_to_the_one_that_composes(movie):
    made = plan(CUT, [ask(make_span(movie)), ask(make_span(movie), Role.MUS)], options=PlanOptions(engine="small"))
    assert [(job.role, job.engine) for job in made.jobs] == [(Role.FX, "small"), (Role.MUS, "composer")]


def test_an_engine_to_which_a_role_is_left_is_not_given_the_other_ones_settings(movie):
    asks = [ask(make_span(movie)), ask(make_span(movie), Role.MUS)]
    sampling = Sampling(steps=30, guidance=4.0, options=("drafts=2",))
    plain, told = (
        plan(CUT, asks, options=PlanOptions(engine="small", sampling=s)).jobs for s in (Sampling(), sampling)
    )
    assert [job.request.sampling for job in told] == [sampling, Sampling()]
    assert plain[0].content_hash != told[0].content_hash
    assert plain[1].content_hash == told[1].content_hash
    assert plain[1].estimated_s == told[1].estimated_s
    own = PlanOptions(engine="small", sampling=sampling, role_engines={Role.MUS: "fake"})
    assert plan(CUT, asks, options=own).jobs[1].request.sampling == replace(sampling, options=())


def test_a_role_can_have_an_engine_of_its_own(movie):
    options = PlanOptions(engine="small", role_engines={Role.MUS: "fake"})
    made = plan(CUT, [ask(make_span(movie)), ask(make_span(movie), Role.MUS)], options=options)
    assert [(job.role, job.engine) for job in made.jobs] == [(Role.FX, "small"), (Role.MUS, "fake")]


def test_a_clip_whose_media_is_gone_is_skipped_and_the_others_are_planned(movie):
    gone = make_span(movie, clip_id="c2", name="SH020", media=MediaFile("/nowhere/b.mov"))
    earlier = Skipped("SH030", "V1", "it is disabled")
    made = plan(SimpleNamespace(skipped=(earlier,)), [ask(gone), ask(make_span(movie))], options=FAKE_PLAN)
    assert [job.clip_name for job in made.jobs] == ["SH010"]
    reason = "/nowhere/b.mov cannot be read: No such file or directory; relink the clip and run again"
    assert made.skipped == (earlier, Skipped("SH020", "V1", reason))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "smal"}, "there is no engine 'smal'; installed: composer, fake, small"),
        ({"engine": "fake", "device": "cuda"}, "engine fake runs on cpu, not cuda"),
        ({"engine": "small", "sample_rate": 44100}, "engine small renders at 48000 Hz, not 44100"),
        ({"engine": "fake", "channels": 6}, "engine fake renders 1 or 2 channels, not 6"),
        ({"engine": "fake", "handles_s": Fraction(-1)}, "handles must be 0 to 60 seconds, not -1"),
        ({"role_engines": {Role.MUS: "band"}}, "there is no engine 'band'"),
        (
            {"engine": "small", "sampling": Sampling(options=("appearance=nowhere",))},
            "option appearance: there is no folder nowhere",
        ),
        (
            {"engine": "small", "sampling": Sampling(options=("draft=2",))},
            "engine small has no option 'draft=2'; its options are",
        ),
    ],
)
def test_impossible_options_are_refused_in_words(movie, options, message):
    with pytest.raises(PlanError) as caught:
        plan(CUT, [ask(make_span(movie))], options=PlanOptions(**options))
    assert message in str(caught.value)


def test_a_clip_shorter_than_a_sample_is_refused_by_name(movie):
    with pytest.raises(PlanError, match="clip 'SH010' on 'V1' is shorter than one sample"):
        plan(CUT, [ask(make_span(movie, duration_s=Fraction(1, 10**6)))], options=FAKE_PLAN)


def test_a_clip_longer_than_a_day_is_refused_by_name(movie):
    with pytest.raises(PlanError, match="clip 'SH010' on 'V1' is longer than a day"):
        plan(CUT, [ask(make_span(movie, duration_s=Fraction(24 * 60 * 60)))], options=FAKE_PLAN)


@given(
    rate=st.sampled_from(RATES),
    frames=st.tuples(st.integers(0, 400), st.integers(1, 400), st.integers(0, 400)),
    speed=st.sampled_from([Fraction(1), Fraction(-1), Fraction(2), Fraction(0), Fraction(1, 3)]),
    media_frames=st.integers(1, 1200),
    handles=st.sampled_from([Fraction(0), Fraction(1, 2), Fraction(3)]),
)
def test_what_a_plan_foresees_is_what_its_jobs_turn_out_to_be(
    tmp_path_factory, rate, frames, speed, media_frames, handles
):
    media = tmp_path_factory.getbasetemp() / "foreseen.mov"
    media.touch()
    start, length, source = (Fraction(number) / rate for number in frames)
    file = MediaFile(str(media), rate, media_frames / rate)
    span = ClipSpan("c1", "n", "V1", start, length, rate, file, source, speed)
    made = plan(CUT, [ask(span, takes=2)], options=PlanOptions(engine="fake", handles_s=handles))
    jobs_of_it = tuple(made.jobs)
    # Jobs are whole samples: of a single frame a sample is about a thousandth.
    assert made.estimated_s == pytest.approx(sum(job.estimated_s for job in jobs_of_it), rel=5e-3)
    picture, handle_s = jobs_of_it[0].request.picture, round(handles * rate + Fraction(1, 10**9)) / rate
    ends = (picture.start_s, picture.start_s + (min(handle_s, start) + length + handle_s) * speed)
    assert bool(made.notes) == (min(ends) < 0 or max(ends) > media_frames / rate)


def test_clips_without_wishes_get_the_asks_that_they_would_get_alone(movie):
    spans = [
        make_span(movie, clip_id=f"c{number}", metadata={"prompts": {"FX": "rain"}} if number == 1 else {})
        for number in range(4)
    ]
    together = resolve(spans, flags=PromptFlags(negative_text="music"))
    alone = [
        only_ask for span in spans for only_ask in tuple(resolve([span], flags=PromptFlags(negative_text="music")))
    ]
    assert tuple(together) == tuple(alone)
    made = plan(CUT, together, options=FAKE_PLAN)
    assert [job.ask for job in made.jobs] == alone
    assert made.jobs == plan(CUT, alone, options=FAKE_PLAN).jobs
    seeds = [job.request.seed for job in made.jobs]
    assert seeds == [default_seed(job.clip_id, job.role) for job in made.jobs]
    assert {job.ask.seed for job in plan(CUT, resolve(spans, flags=PromptFlags(seed=0)), options=FAKE_PLAN).jobs} == {0}


def test_more_steps_cost_more(movie):
    options = replace(FAKE_PLAN, sampling=Sampling(steps=4 * FAKE.info.default_steps))
    cheap, dear = (plan(CUT, [ask(make_span(movie))], options=chosen) for chosen in (FAKE_PLAN, options))
    assert dear.estimated_s == pytest.approx(4 * cheap.estimated_s)


# --- the content hash -------------------------------------------------------------------------------------------

REQUEST = RenderRequest(
    Picture("/m/a.mov", Fraction(1), Fraction(2), Fraction(0), Fraction(9), (Fraction(1),), Fraction(24), 7),
    PromptSpec("rain", "music", Role.DX, "hello"),
    n_samples=4800,
    sample_rate=48000,
    channels=2,
    seed=3,
    sampling=Sampling(steps=4, guidance=2.0),
)
ENGINE = replace(
    FAKE.info,
    name="fake",
    version="1",
    takes_text=True,
    takes_negative_text=True,
    takes_transcript=True,
    takes_events=True,
)
EVENTS = (VisualEvent(Fraction(1, 3)), VisualEvent(Fraction(1, 2), 0.5))
IDENTITY = MediaIdentity(n_bytes=10, digest="aa")


def hashed(request=REQUEST, media=IDENTITY, engine=ENGINE, before=100, after=200) -> str:
    return content_hash(request, media=media, engine=engine, handle_before=before, handle_after=after)


def with_picture(**changes):
    return {"request": replace(REQUEST, picture=replace(REQUEST.picture, **changes))}


def with_prompt(**changes):
    return {"request": replace(REQUEST, prompt=replace(REQUEST.prompt, **changes))}


CHANGES = {
    "picture.start_s": with_picture(start_s=Fraction(1, 3)),
    "picture.speed": with_picture(speed=Fraction(-2)),
    "picture.first_s": with_picture(first_s=Fraction(1, 2)),
    "picture.last_s": with_picture(last_s=None),
    "picture.cuts_s": with_picture(cuts_s=()),
    "picture.sequence_rate": with_picture(sequence_rate=Fraction(25)),
    "picture.sequence_first": with_picture(sequence_first=8),
    "prompt.text": with_prompt(text="Rain"),
    "prompt.negative_text": with_prompt(negative_text=""),
    "prompt.role": with_prompt(role=Role.FX),
    "prompt.transcript": with_prompt(transcript="bye"),
    "n_samples": {"request": replace(REQUEST, n_samples=4801)},
    "sample_rate": {"request": replace(REQUEST, sample_rate=44100)},
    "channels": {"request": replace(REQUEST, channels=1)},
    "seed": {"request": replace(REQUEST, seed=4)},
    "sampling.steps": {"request": replace(REQUEST, sampling=Sampling(5, 2.0))},
    "sampling.guidance": {"request": replace(REQUEST, sampling=Sampling(4, 2.5))},
    "sampling.options": {"request": replace(REQUEST, sampling=Sampling(4, 2.0, options=("sampler=ddpm",)))},
    "events": {"request": replace(REQUEST, events=EVENTS)},
    "media.n_bytes": {"media": replace(IDENTITY, n_bytes=12)},
    "media.digest": {"media": replace(IDENTITY, digest="ab")},
    "media.sequence": {"media": replace(IDENTITY, sequence="1 at 24")},
    "engine.name": {"engine": replace(ENGINE, name="other")},
    "engine.version": {"engine": replace(ENGINE, version="2")},
    "handle_before": {"before": 101},
    "handle_after": {"after": 201},
}


@pytest.mark.parametrize("name", CHANGES)
def test_everything_that_shapes_the_sound_changes_the_hash(name):
    assert hashed(**CHANGES[name]) != hashed()


def test_no_field_of_a_request_is_forgotten():
    """A field added to the contract must be put in the list above, or be known not to matter."""
    names = {f.name for f in fields(RenderRequest)} - {"picture", "prompt", "sampling"}
    for part in ("picture", "prompt", "sampling"):
        names |= {f"{part}.{f.name}" for f in fields(type(getattr(REQUEST, part)))}
    names |= {f"media.{f.name}" for f in fields(MediaIdentity)}
    assert names - set(CHANGES) == {"picture.path"}  # what lies there stands in the media's identity


def test_known_events_are_told_from_none_found_and_from_each_other():
    told = [hashed(request=replace(REQUEST, events=events)) for events in (None, (), EVENTS[:1], EVENTS)]
    assert len(set(told)) == 4


def test_a_folder_in_an_option_counts_by_what_is_in_it(tmp_path):
    engine = replace(ENGINE, options=("eye",), folder_options=("eye",))
    keys = [hashed(engine=engine)]
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        (tmp_path / name / "model.safetensors").write_bytes(content)
        sampling = replace(REQUEST.sampling, options=(f"eye={tmp_path / name}",))
        keys.append(hashed(request=replace(REQUEST, sampling=sampling), engine=engine))
    without, first, same, other = keys
    assert first == same
    assert len({without, first, other}) == 3


def test_the_hash_of_today_is_the_hash_of_tomorrow():
    assert hashed() == "29aa94acdc62bd9d46c46f345c2e3f5a98d92d49e1ec119a08d8afdcc889810a"


@pytest.mark.parametrize(
    ("ability", "changes"),
    [
        ("takes_text", with_prompt(text="anything")),
        ("takes_negative_text", with_prompt(negative_text="anything")),
        ("takes_transcript", with_prompt(transcript="anything")),
        ("takes_events", {"request": replace(REQUEST, events=EVENTS)}),
    ],
)
def test_what_an_engine_does_not_take_does_not_matter(ability, changes):
    deaf = replace(ENGINE, **{ability: False})
    assert hashed(engine=deaf, **changes) == hashed(engine=deaf)


@pytest.mark.parametrize(
    "change",
    [{"name": "renamed"}, {"clip_id": "c9"}, {"track": "V7"}, {"index": 5}, {"record_start_s": Fraction(100)}],
    ids=str,
)
def test_renaming_or_moving_a_clip_keeps_its_takes(movie, change):
    before = only(plan(CUT, [ask(make_span(movie))], options=FAKE_PLAN))
    after = only(plan(CUT, [ask(make_span(movie, **change))], options=FAKE_PLAN))
    assert after.content_hash == before.content_hash
    assert after.record_start == position(change.get("record_start_s", Fraction(10)), 48000)


def test_moving_a_clip_by_a_frame_at_2997_renders_anew_only_when_its_length_in_samples_changes(movie):
    rate = Fraction(30000, 1001)
    made = {}
    for frame in range(30, 40):
        span = make_span(movie, record_start_s=frame / rate, duration_s=31 / rate, rate=rate)
        job = only(plan(CUT, [ask(span)], options=FAKE_PLAN))
        shape = (job.handle_before, job.span_samples, job.handle_after)
        made.setdefault(shape, set()).add(job.content_hash)
    assert len(made) > 1
    assert all(len(hashes) == 1 for hashes in made.values())


def test_relinked_media_keeps_its_takes(movie, tmp_path):
    job = only(plan(CUT, [ask(make_span(movie))], options=FAKE_PLAN))
    moved = movie.rename(tmp_path / "conformed.mov")
    os.utime(moved, ns=(7, 7))
    again = only(plan(CUT, [ask(make_span(moved))], options=FAKE_PLAN))
    assert again.request.picture.path == str(moved)
    assert again.content_hash == job.content_hash


def test_an_image_sequence_changes_with_any_of_its_images(tmp_path):
    for number in range(1001, 1005):
        (tmp_path / f"shot.{number}.png").write_bytes(b"image")
    (tmp_path / "shot.1002.png.bak").write_bytes(b"other")
    media = MediaFile(str(tmp_path / "shot.%04d.png"), Fraction(24), Fraction(4, 24), 1001)
    first = identify(media)
    assert isinstance(first, MediaIdentity)
    assert first.n_bytes == 20
    (tmp_path / "shot.1002.png.bak").write_bytes(b"changed")
    assert identify(media) == first
    (tmp_path / "shot.1003.png").write_bytes(b"IMAGE")
    os.utime(tmp_path / "shot.1003.png", ns=(5, 5))
    assert identify(media) != first
    assert "no image of this sequence" in str(identify(replace(media, path=str(tmp_path / "other.%04d.png"))))
