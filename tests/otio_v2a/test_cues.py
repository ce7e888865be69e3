"""Cue sheets: formats, keys, timecode, and errors that say where and what to do."""

import re
from fractions import Fraction
from pathlib import Path

import pytest

from otio_v2a.cue_fields import CueKey, Wish, parse_role
from otio_v2a.cues import Cue, CueBook, load_cues, unmatched
from otio_v2a.errors import PromptError
from otio_v2a.spans import ClipSpan, CutTiming, MediaFile
from otio_v2a.timecode import seconds_of_day
from otio_v2a_engine.contract import Role

FX, AMB, MUS = Role.FX, Role.AMB, Role.MUS
NTSC = Fraction(30000, 1001)


def write(tmp_path: Path, text: str | bytes, name: str = "cues.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def wishes(cues) -> list[tuple[CueKey, Wish]]:
    return [(cue.key, cue.wish) for cue in cues]


EXPECTED = [
    (CueKey(clip="SH010"), Wish(role=FX, text="steps, gravel", negative_text="music", seed=3, takes=2)),
    (CueKey(clip="SH020"), Wish(text="wind")),
]


@pytest.mark.parametrize(
    "text",
    [
        "clip,role,prompt,not,seed,takes\nSH010,FX,\"steps, gravel\",music,3,2\nSH020,,wind,,,\n",
        "clip;role;prompt;not;seed;takes\nSH010;FX;steps, gravel;music;3;2\nSH020;;wind;;;\n",
        "clip\trole\tprompt\tnot\tseed\ttakes\nSH010\tFX\tsteps, gravel\tmusic\t3\t2\nSH020\t\twind\n",
        "\ufeffClip Name,Stem,Text,Negative Prompt,Seed,Takes\r\nSH010,sfx,\"steps, gravel\",music,3.0,2\r\n\r\nSH020,,wind",  # noqa: E501
        "\ufeffNotes,clip,role,prompt,not,seed,takes\nlisten,SH010,FX,\"steps, gravel\",music,3,2\n,SH020,all,wind,,,\n",  # noqa: E501
    ],
)  # fmt: skip
def test_csv_of_every_spreadsheet_reads_the_same(tmp_path, text):
    assert wishes(load_cues(write(tmp_path, text))) == EXPECTED


def test_csv_in_utf16_as_spreadsheets_save_unicode_text(tmp_path):
    path = write(tmp_path, "clip\tprompt\nÄRA_010\tgrüße\n".encode("utf-16"), "cues.txt")
    assert wishes(load_cues(path)) == [(CueKey(clip="ÄRA_010"), Wish(text="grüße"))]


def test_toml_reads_the_same_as_csv(tmp_path):
    text = """
        [[cue]]
        clip = "SH010"
        role = "FX"
        prompt = "steps, gravel"
        not = "music"
        seed = 3
        takes = 2

        [[cue]]
        clip = "SH020"
        prompt = "wind"
    """
    assert wishes(load_cues(write(tmp_path, text, "cues.toml"))) == EXPECTED


def test_a_quoted_cell_may_run_over_lines_and_rows_still_count_as_in_the_spreadsheet(tmp_path):
    text = 'clip,prompt,takes\nA,"first line\nsecond line",1\n\nB,x,none\n'
    with pytest.raises(PromptError, match=r"cues\.csv, row 4: takes must be a whole number from 1 to 99, not 'none'"):
        load_cues(write(tmp_path, text))
    (first,) = load_cues(write(tmp_path, text.replace("B,x,none\n", "")))
    assert first.wish.text == "first line\nsecond line"


def test_rows_that_ask_for_nothing_are_no_cues(tmp_path):
    assert load_cues(write(tmp_path, "clip,prompt,role\nA,,\nB,,MUS\n")) == (
        Cue(CueKey(clip="B"), Wish(role=MUS), f"{tmp_path}/cues.csv, row 3"),
    )


def test_an_empty_prompt_can_be_said_in_toml(tmp_path):
    (cue,) = load_cues(write(tmp_path, '[[cue]]\nclip = "A"\nprompt = ""\n', "cues.toml"))
    assert cue.wish.text == ""


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("cues.csv", "", "the cue sheet is empty; its first row names the columns: clip, id"),
        ("cues.csv", "clip,promt\nA,x\n", "row 1: unknown column or key 'promt'; did you mean 'prompt'?"),
        ("cues.csv", "prompt\nrain\n", "row 1: no column says for which clip"),
        ("cues.csv", "clip,prompt,text\nA,x,y\n", "row 1: two columns mean text; keep one"),
        ("cues.csv", "clip,prompt\nA,rain, wind\n", "row 2: more cells than the header has columns; put text that"),
        ("cues.csv", "clip,role,prompt\nA,FOX,x\n", "row 2: 'FOX' is no role; roles are FX, AMB, MUS, DX"),
        ("cues.csv", "clip,index,prompt\nA,0,x\n", "row 2: index must be a whole number from 1 to"),
        ("cues.csv", "clip,seed,prompt\nA,-1,x\n", "row 2: seed must be a whole number from 0 to"),
        ("cues.csv", "clip,prompt\n,rain\n", "row 2: says for no clip"),
        ("cues.csv", "clip,in,out,prompt\nA,,01:00:00:00,x\n", "row 2: 'out' needs an 'in'"),
        ("cues.csv", 'clip,prompt\nA,"rain\n', "row 2: not CSV (unexpected end of data); is a double quote left open?"),
        ("cues.csv", b"clip,prompt\nA,Gr\xfc\xdfe\n", "line 2: not UTF-8; save the sheet as 'CSV UTF-8'"),
        ("cues.xlsx", "PK", "a cue sheet is a .csv or a .toml file"),
        ("cues.toml", "[[cue]]\nclip = \n", "not TOML: Invalid value (at line 2, column 8)"),
        ("cues.toml", "[cues]\n", "unknown entry 'cues'; write every cue as a [[cue]] table"),
        ("cues.toml", "cue = 3\n", "'cue' is no list; write every cue as a [[cue]] table"),
        ("cues.toml", "cue = [1]\n", "cue 1: write every cue as a [[cue]] table"),
        ("cues.toml", '\n[[cue]]\nclip = "A"\nprompt = 3\n', "cue 1 (line 2): text must be text, not 3"),
        ("cues.toml", '[[cue]]\nclip = "A"\ntakes = true\n', "cue 1 (line 1): takes must be a whole number"),
        ("cues.toml", '[[cue]]\nclip = "A"\nname = "B"\n', "cue 1 (line 1): clip is given twice"),
        ("cues.toml", '[[cue]]\nclip = "A"\nvolume = 3\n', "cue 1 (line 1): unknown column or key 'volume'"),
    ],
)
def test_a_bad_sheet_is_refused_with_place_and_remedy(tmp_path, name, text, message):
    with pytest.raises(PromptError) as caught:
        load_cues(write(tmp_path, text, name))
    assert str(tmp_path / name) in str(caught.value)
    assert message in str(caught.value)


def test_the_documentations_examples_are_cue_sheets(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "prompts.md").read_text(encoding="utf-8")
    examples = re.findall(r"```(csv|toml)\n(.*?)```", text, re.DOTALL)
    found = [len(load_cues(write(tmp_path, body, f"cues.{kind}"))) for kind, body in examples]
    assert found == [3, 2, 3]


def test_a_missing_sheet_is_named(tmp_path):
    with pytest.raises(PromptError, match=r"cue sheet .*none\.csv cannot be read: No such file"):
        load_cues(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("text", "role"), [("fx", FX), ("Foley", FX), ("BG", AMB), ("atmos", AMB), ("MX", MUS), (" VO ", Role.DX)]
)
def test_roles_are_read_as_editors_write_them(text, role):
    assert parse_role(text) is role


# --- which clips a cue is for -----------------------------------------------------------------------------------

START_S = seconds_of_day("01:00:00;00", rate=NTSC, drop_frame=True)
TIMING = CutTiming(rate=NTSC, global_start_s=START_S, duration_s=4000 / NTSC, drop_frame=True)
# Frames 0-999, 1000-1999, ...; 01:00:00;00 + 1798 frames is 01:00:59;28, + 1800 is 01:01:00;02.
SPANS = [
    ClipSpan(
        clip_id=f"id{n}", name=name, track="V1", record_start_s=1000 * n / NTSC, duration_s=1000 / NTSC, rate=NTSC,
        media=MediaFile("/media/a.mov"), index=n + 1,
    )
    for n, name in enumerate(["SH010", "SH020", "SH020", "Ocean [wide]"])
]  # fmt: skip


def taken(**key) -> list[int]:
    cue = Cue(CueKey(**key), Wish(text="x"), "sheet.csv, row 2")
    book = CueBook([cue], timing=TIMING)
    return [span.index for span in SPANS if book.wishes(span)]


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ({"clip": "SH020"}, [2, 3]),
        ({"clip": "SH*"}, [1, 2, 3]),
        ({"clip": "sh*"}, [1, 2, 3]),
        ({"clip": "sh020"}, []),
        ({"clip": "*"}, [1, 2, 3, 4]),
        ({"clip": "Ocean [wide]"}, [4]),
        ({"clip": "id1"}, [2]),
        ({"clip_id": "id1"}, [2]),
        ({"index": 3}, [3]),
        ({"clip": "SH020", "index": 3}, [3]),
        ({"clip": "*", "track": "V2"}, []),
        ({"start": "01:00:00;00"}, [1]),
        ({"start": "01:00:33;09"}, [1]),  # frame 999
        ({"start": "01:00:33;10"}, [2]),  # frame 1000
        ({"start": "01:00:33:10"}, [2]),  # a cut that counts drop-frame needs no semicolon
        ({"start": "01:01:06;21"}, [2]),  # frame 1999: two labels left out at the minute
        ({"start": "01:01:06;22"}, [3]),  # frame 2000
        ({"start": "01:00:33;09", "end": "01:00:33;11"}, [1, 2]),
        ({"start": "01:00:33;09", "end": "01:00:33;10"}, [1]),
        ({"start": "01:00:10;00", "end": "01:10:00;00"}, [1, 2, 3, 4]),
        ({"start": "00:59:59;29"}, []),
        ({"start": "01:02:13;14"}, []),  # frame 4000, after the last
    ],
)
def test_keys_find_their_clips_to_the_frame(key, expected):
    assert taken(**key) == expected


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("01:01:00;00", "drop-frame has no label '01:01:00;00'; the next one ends in 02"),
        ("01:00:00;30", "'01:00:00;30' does not exist at 29.97 frames per second"),
        ("1 minute", "'1 minute' is no timecode like 01:00:04:12"),
    ],
)
def test_a_timecode_that_the_cut_does_not_have_is_refused_with_its_row(label, message):
    with pytest.raises(PromptError) as caught:
        taken(start=label)
    assert str(caught.value) == f"sheet.csv, row 2: {message}"


def test_a_range_that_ends_before_it_starts_is_refused():
    with pytest.raises(PromptError, match="'out' 01:00:01;00 is not after 'in' 01:00:02;00"):
        taken(start="01:00:02;00", end="01:00:01;00")


def test_a_cut_over_midnight_goes_on_at_zero():
    rate = Fraction(25)
    timing = CutTiming(rate, seconds_of_day("23:59:59:00", rate=rate), duration_s=Fraction(10))
    span = ClipSpan("id", "A", "V1", Fraction(1), Fraction(9), rate, MediaFile("/a.mov"))
    for label, fits in (("00:00:00:00", True), ("00:00:08:24", True), ("00:00:09:00", False), ("23:59:59:24", False)):
        book = CueBook([Cue(CueKey(start=label), Wish(text="x"), "")], timing=timing)
        assert bool(book.wishes(span)) is fits, label


@pytest.mark.parametrize(
    ("label", "rate", "drop", "frames"),
    [
        ("01:00:00:00", Fraction(24000, 1001), False, 86400),
        ("01:00:00:00", Fraction(25), False, 90000),
        ("01:00:00;00", NTSC, True, 107892),
        ("00:10:00;00", NTSC, True, 17982),
        ("00:01:00;02", NTSC, True, 1800),
        ("00:01:00;04", Fraction(60000, 1001), True, 3600),
        ("01:00:00:00", NTSC, False, 108000),
        ("00:00:01:119", Fraction(120), False, 239),
    ],
)
def test_timecode_counts_frames_exactly(label, rate, drop, frames):
    assert seconds_of_day(label, rate=rate, drop_frame=drop) == frames / rate


def test_every_drop_frame_label_of_an_hour_names_the_next_frame():
    count = 0
    for minute in range(60):
        for second in range(60):
            for frame in range(2 if second == 0 and minute % 10 else 0, 30):
                assert seconds_of_day(f"00:{minute:02d}:{second:02d};{frame:02d}", rate=NTSC) * NTSC == count
                count += 1
    assert count == 107892


def test_drop_frame_is_refused_where_it_does_not_exist():
    with pytest.raises(ValueError, match="is drop-frame, which 25 frames per second does not have; write ':'"):
        seconds_of_day("01:00:00;00", rate=Fraction(25))
    with pytest.raises(ValueError, match=r"timecode is not defined at 12\.5 frames per second"):
        seconds_of_day("01:00:00:00", rate=Fraction(25, 2))


def test_a_cue_for_no_clip_is_a_warning_that_names_the_nearest():
    cues = [
        Cue(CueKey(clip="SH011"), Wish(text="x"), "s, row 2"),
        Cue(CueKey(start="02:00:00;00"), Wish(text="x"), "s, row 3"),
        Cue(CueKey(index=9), Wish(text="x"), "s, row 4"),
        Cue(CueKey(clip="SH010"), Wish(text="x"), "s, row 5"),
        Cue(CueKey(clip_id="zzz"), Wish(text="x"), "s, row 6"),
    ]
    assert unmatched(cues, SPANS, timing=TIMING) == (
        "s, row 2: no clip fits clip 'SH011'; nearest: 'SH010', 'SH020'",
        "s, row 3: no clip fits timecode 02:00:00;00; nearest: 'Ocean [wide]'",
        "s, row 4: no clip fits index 9; nearest: the last index is 4",
        "s, row 6: no clip fits id 'zzz'",
    )
