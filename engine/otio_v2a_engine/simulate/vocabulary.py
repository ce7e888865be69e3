"""The kinds of sound that the simulator knows: what they are called, and which recordings show them.

Pure data. A `Kind` with recordings lists regular expressions over the paths in the sound manifest; one
without is synthesised only (`synth.py`).
"""

from dataclasses import dataclass
from enum import StrEnum

from otio_v2a_engine.contract import Role

__all__ = [
    "AMBIENCES", "EFFECTS", "EFFECT_NAMES", "HITS", "KINDS", "LOOPS", "MUSIC", "OF_ROLE", "STEPS", "VOICES",
    "Family", "Kind", "family_of",
]  # fmt: skip


class Family(StrEnum):
    """How a kind of sound behaves in time."""

    HIT = "hit"
    """Starts at an instant, then decays."""
    LOOP = "loop"
    """Lasts while something is seen to happen."""
    AMBIENCE = "ambience"
    """Lasts, whatever is seen."""
    MUSIC = "music"
    """Plays, whatever is seen."""
    VOICE = "voice"
    """Speaks, with a mouth that is seen or not."""


@dataclass(frozen=True)
class Kind:
    """One kind of sound.

    Attributes:
        name: the word the simulator uses.
        family: how it behaves in time.
        captions: how people ask for it; the first is the plainest.
        recordings: regular expressions over manifest paths, matched with `re.search`.
        synthesised: whether `synth.py` can make it.
        labels: those of recordings that are better captions than the list; the shipped weights learned them.
    """

    name: str
    family: Family
    captions: tuple[str, ...]
    recordings: tuple[str, ...] = ()
    synthesised: bool = False
    labels: tuple[str, ...] = ()

    @property
    def label_captions(self) -> bool:
        """Whether a recording's own label is a better caption than the list."""
        return bool(self.labels)

    @property
    def known_as(self) -> tuple[str, ...]:
        """Everything that a model has learned to call it."""
        return (*self.captions, *self.labels)


def _hit(name: str, captions: str, recordings: str = "", *, synthesised: bool = False, labels: str = "") -> Kind:
    patterns = (recordings,) if recordings else ()
    words = tuple(labels.split("; ")) if labels else ()
    return Kind(name, Family.HIT, tuple(captions.split("; ")), patterns, synthesised, words)


def _loop(name: str, captions: str, recordings: str = "", *, synthesised: bool = False) -> Kind:
    patterns = (recordings,) if recordings else ()
    return Kind(name, Family.LOOP, tuple(captions.split("; ")), patterns, synthesised)


def _ambience(name: str, captions: str, recordings: str = "", *, synthesised: bool = False) -> Kind:
    patterns = (recordings,) if recordings else ()
    return Kind(name, Family.AMBIENCE, tuple(captions.split("; ")), patterns, synthesised)


STEPS: tuple[Kind, ...] = (
    _hit(
        "steps_gravel",
        "footsteps on gravel; walking on gravel; boots crunching on a gravel path; gravel footsteps",
        r"node_(dig|dug)_gravel",
        synthesised=True,
    ),
    _hit(
        "steps_grass",
        "footsteps on grass; walking through grass; soft footsteps in dry leaves; steps on a lawn",
        synthesised=True,
    ),
    _hit(
        "steps_wood",
        "footsteps on a wooden floor; walking on floorboards; shoes on parquet; wooden footsteps",
        r"kenney-kits/.*(land|walking)",
        synthesised=True,
    ),
    _hit(
        "steps_hard",
        "footsteps on concrete; walking on a hard floor; heels on tiles; footsteps on pavement; footsteps",
        r"node_step_hard",
        synthesised=True,
    ),
    _hit(
        "steps_snow",
        "footsteps in snow; walking on snow; snow crunching underfoot",
        r"node_step_(snow|ice)",
        synthesised=True,
    ),
    _hit(
        "steps_sand",
        "footsteps on sand; walking on a beach; steps in dirt; footsteps on earth",
        r"node_step_sand",
        synthesised=True,
    ),
    _hit(
        "steps_metal", "footsteps on metal; walking on a metal grating; steps on a steel staircase", r"node_step_metal"
    ),
    _hit("steps_water", "footsteps in water; wading through water; splashing through a puddle", r"node_step_water"),
)

_HITS: tuple[Kind, ...] = (
    _hit(
        "metal",
        "metal impact; a metal object hits the ground; metallic clang; steel clank; metal pipe; coins and metal",
        r"oga-cc0-sfx/(sfx100v2_)?metal|klink|node_(dig|dug)_metal|coin",
        synthesised=True,
    ),
    _hit(
        "glass",
        "glass clink; a glass is struck; breaking glass; bottle clinking; glass impact; porcelain cup",
        r"node_dug_glass|Platformer_break",
        synthesised=True,
    ),
    _hit(
        "wood",
        "wooden knock; wood block hit; a wooden block falls on a table; knocking on wood; wood impact",
        r"Claves|Castanets|node_dig_choppy|door_knock",
        synthesised=True,
    ),
    _hit(
        "stone",
        "stone impact; a rock hits the ground; brick falling; stones knocking; pickaxe on rock",
        r"node_dig_cracky",
        synthesised=True,
    ),
    _hit("plastic", "plastic clatter; a plastic cup is set down; plastic box hit; plastic impact", synthesised=True),
    _hit(
        "rubber",
        "a rubber ball bounces; basketball bouncing; football kick; a ball is kicked; soft thud of a ball",
        synthesised=True,
    ),
    _hit(
        "drum",
        "hand drum hit; bongo; drumming on a box; conga drum; drum beat; tom drum",
        r"Bongos|Conga|Cajon|Darbuka|tabla_|drum_tom|muldjordkit/Tom|muldjordkit/Kdrum",
    ),
    _hit("snare", "snare drum hit; drum stick on a snare", r"muldjordkit/Snare|drum_snare|sonic-pi/sn_"),
    _hit(
        "cymbal",
        "cymbal crash; ride cymbal; hi-hat; cymbals",
        r"muldjordkit/(Crash|China|Ride|Hihat)|drum_(cymbal|splash)",
    ),
    _hit(
        "bell",
        "bell ringing; gong; a small bell is struck; chime",
        r"gong|perc_bell|bicycle_bell|church_bells",
        synthesised=True,
    ),
    _hit(
        "punch",
        "punch; body fall; a body hits the ground; fist fight; thud; heavy impact",
        r"melee_hit|entity_hit|oga-cc0-sfx/(sfx100v2_)?hit|bodyfall|impact|zombie_damage",
        synthesised=True,
    ),
    _hit(
        "door",
        "door slam; a door closes; door shutting; cupboard closing; car door slam",
        r"slam_|door_close|perc_door",
        synthesised=True,
    ),
    _hit("clap", "hand clap; clapping hands; a single clap; applause by one person", r"HandClap", synthesised=True),
    _hit(
        "explosion",
        "explosion; a bomb explodes; blast; fireworks; grenade; distant explosion",
        r"explosion(?!_scifi)|fireworks_pop|cineboom",
        synthesised=True,
    ),
    _hit(
        "gunshot",
        "gunshot; rifle fire; pistol shot; gun firing; cannon fire; shooting",
        r"rifle_(small_)?fire_0|pistol_fire_0|ar_fire|shotgun_fire|cannonfire|tankfire|howitzer|30mm",
        synthesised=True,
    ),
    _hit(
        "swoosh",
        "swoosh; whoosh; fast object passing by; sword swing; swish through the air",
        r"swish|woosh|swoosh|swash",
        synthesised=True,
    ),
    _hit(
        "click",
        "typing on a keyboard; mouse click; switch click; button press; keystrokes; clicking",
        r"kenney-ui|keystrokes/",
    ),
    _hit(
        "splash",
        "water splash; something falls into water; splashing; a stone drops into a pond",
        r"watergun|water_mine",
        synthesised=True,
    ),
    _hit("dog", "dog barking; a dog barks; puppy bark; barking dog", r"esc10/dog_bark|dog_bark|puppy_bark"),
    _hit("rooster", "rooster crowing; cock-a-doodle-doo", r"esc10/rooster|mod-sounds/rooster"),
    _hit(
        "bird_call",
        "bird call; a bird chirps; bird singing; crow cawing; seagull cry",
        r"mod-sounds/(bird_|canary|crow|parrot|duck|goose|owl|pigeon|seagull_|peacock|vulture)|misc_crow",
        labels="bird; canary; crow caw; duck quack; goose; owl hoot; parrot; parrot chirp; parrot whistle; peacock; "
        "pigeon; seagull; vulture",
    ),
    _hit(
        "animal",
        "animal call; an animal roars; growling animal",
        r"mod-sounds/(cat_meow|cow|sheep|lamb|goat|horse_|pig_|lion|tiger|bear|gorilla|monkey|elephant|wolf|coyote|yak|turkey)",
        labels="bear; cat meow; cow moo; coyote howl; elephant trumpet; goat bleat; gorilla grunt; gorilla roar; "
        "gorilla snarl; horse neigh; horse snort; lamb; lion bellow; monkey; pig snort; pig squeal; sheep baa; "
        "tiger roar; tiger snarl; turkey gobble; wolf howl; wolf snarl; yak",
    ),
    _hit("sneeze", "a person sneezes; sneeze", r"person_sneeze"),
    _hit(
        "scrape",
        "scraping; dragging an object; sliding along the table; rubbing",
        r"mod-sounds/scrape|chalk_write|zipper",
        synthesised=True,
    ),
)

_LOOPS: tuple[Kind, ...] = (
    _loop(
        "fire", "fire crackling; burning fire; campfire; flames", r"esc10/fire_crackling|fire_crackle", synthesised=True
    ),
    _loop(
        "pouring",
        "pouring water; water being poured into a glass; tap water running; coffee pouring; liquid pouring",
        synthesised=True,
    ),
    _loop(
        "engine",
        "car engine; vehicle driving by; motor running; car passes; truck engine",
        r"max-samples/car_engine|car_motor|vehicle_motor|motorbike|airplane_prop|compressor_motor",
        synthesised=True,
    ),
    _loop("helicopter", "helicopter; helicopter rotor", r"helicopter"),
    _loop("chainsaw", "chainsaw; a chainsaw cutting wood; power tool", r"chainsaw"),
    _loop("applause", "applause; audience clapping; crowd applauding", r"max-samples/applause"),
    _loop("stream", "flowing water; stream over rocks; river rapids; waterfall", synthesised=True),
    _loop(
        "rustle",
        "rustling leaves; cloth rustle; clothes moving; bushes rustling",
        r"mod-sounds/leaves",
        synthesised=True,
    ),
)

# Kinds that came later stand after all others, so that a picture encoder which was trained before counts as it did.
_LATER_HITS: tuple[Kind, ...] = (
    _hit(
        "pluck",
        "a guitar string is plucked; guitar strum; strumming a guitar; harp pluck; plucked strings; banjo; ukulele",
        r"sonic-pi/guit_(e_fifths|harmonics|em)",
        synthesised=True,
    ),
    _hit(
        "shaker",
        "shaker; maracas; shaking a tambourine; egg shaker; tambourine; a rattle is shaken",
        r"freepats-world-percussion/(Maracas|EggShaker|Tambourine)",
    ),
    _hit(
        "hammer",
        "hammering a nail; hammer blows; a hammer hits a nail; hammering; carpenter nailing a board; mallet",
        synthesised=True,
    ),
    _hit(
        "saw",
        "sawing wood; hand saw; saw strokes; cutting wood with a saw; filing metal; sanding wood",
        synthesised=True,
    ),
    _hit(
        "reload",
        "cocking a gun; reloading a weapon; shotgun pump; rifle bolt; loading a magazine; gun handling",
        r"mod-sounds/(pistol_cock|rifle_cock|pistol_reload|shotgun_pump|pistol_fire_dry|rifle_fire_dry)|FPS_weapon_change",
    ),
    _hit(
        "tick",
        "clock ticking; a clock ticks; ticking watch; metronome; tick tock",
        r"esc10/clock_tick|(clock|watch)_tick",
    ),
)
_LATER_LOOPS: tuple[Kind, ...] = (
    _loop(
        "drill",
        "electric drill; drilling a hole; power drill; cordless screwdriver; angle grinder; electric sander",
        synthesised=True,
    ),
)

HITS: tuple[Kind, ...] = (*_HITS, *_LATER_HITS)
LOOPS: tuple[Kind, ...] = (*_LOOPS, *_LATER_LOOPS)
EFFECTS: tuple[Kind, ...] = (*STEPS, *_HITS, *_LOOPS, *_LATER_HITS, *_LATER_LOOPS)
"""Every kind that a picture can show."""
EFFECT_NAMES: tuple[str, ...] = tuple(kind.name for kind in EFFECTS)
"""Their names, in the order in which the picture encoder counts them."""

AMBIENCES: tuple[Kind, ...] = (
    _ambience(
        "rain",
        "rain; steady rain; rain ambience; rain falling on leaves; heavy rain outside; light rain",
        r"esc10/rain|/rain\.|rain_(heavy|light|medium)",
        synthesised=True,
    ),
    _ambience(
        "sea",
        "sea waves; ocean waves on a beach; surf; seaside ambience; waves breaking on the coast",
        r"esc10/sea_waves|/waves\.",
    ),
    _ambience(
        "wind",
        "wind; wind blowing; howling wind; windy field; mountain wind; soft breeze",
        r"/wind\.|mod-sounds/wind",
        synthesised=True,
    ),
    _ambience(
        "city",
        "city ambience; street traffic; city street with cars; urban background; distant traffic",
        r"/city\.",
        synthesised=True,
    ),
    _ambience(
        "forest",
        "forest ambience; birds singing in a forest; woodland with birdsong; garden with birds; park",
        r"/forest\.|/birds\.",
    ),
    _ambience(
        "cafe",
        "coffee shop ambience; people talking in a cafe; restaurant background; crowd murmur; office chatter",
        r"coffee-shop",
    ),
    _ambience("hearth", "fireplace; crackling fireplace; cosy fire indoors", r"/fireplace\."),
    _ambience("storm", "thunderstorm; thunder and rain; storm; rolling thunder", r"/storm\.|/thunder\.|thunder_0"),
    _ambience("night", "summer night; crickets at night; cicadas; insects chirping", r"summer-night|cicada|cricket"),
    _ambience("train", "inside a train; train ambience; railway carriage", r"/train\."),
    _ambience("boat", "on a boat; harbour water lapping; boat ambience", r"/boat\."),
    _ambience("crowd", "cheering crowd; stadium crowd; audience cheering", r"crowd_cheering"),
    _ambience(
        "room",
        "room tone; quiet room; quiet interior; air conditioning hum; empty kitchen; silence in a room",
        synthesised=True,
    ),
    _ambience("river", "river; stream flowing; babbling brook; waterfall in the distance", synthesised=True),
)

MUSIC: tuple[Kind, ...] = tuple(
    Kind(name, Family.MUSIC, tuple(captions.split("; ")), synthesised=True)
    for name, captions in (
        ("piano", "piano music; piano; solo piano; a piano playing; gentle piano melody; sad piano"),
        ("strings", "string music; strings; orchestral strings; violins and cellos; tense strings; orchestra"),
        ("guitar", "guitar music; acoustic guitar; a guitar playing; guitar chords; fingerpicked guitar"),
        ("beat", "drum groove; drums; drumming; percussion; a steady drum rhythm; drums and bass"),
        ("synth", "synth music; electronic music; ambient synth pad; synthesizer; electronic synth arpeggio"),
        ("organ", "organ music; organ; an organ playing; organ chords; church organ"),
        ("music_box", "music box; music box melody; bells and chimes; lullaby; a music box playing"),
        ("winds", "woodwind music; flute music; flute; clarinet; woodwinds; a flute melody"),
        ("brass", "brass music; brass; horns; brass fanfare; epic orchestral brass; trumpets and horns"),
        ("band", "band music; a band playing; pop music; instrumental music; upbeat background music; film score"),
    )
)

VOICES: tuple[Kind, ...] = tuple(
    Kind(name, Family.VOICE, tuple(captions.split("; ")), synthesised=True)
    for name, captions in (
        ("man", "a man speaks; man talking; male voice; a man in conversation; male narrator; male speech"),
        (
            "woman",
            "a woman speaks; woman talking; female voice; a woman in conversation; female narrator; female speech",
        ),
        ("child", "a child speaks; child talking; a kid's voice; a little girl talks; a boy speaks; child speech"),
        ("whisper", "a person whispers; whispering; whispered voice; someone whispers quietly; hushed speech"),
        ("shout", "a person shouts; shouting; someone yells; loud angry voice; an argument; raised voice"),
    )
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in (*EFFECTS, *AMBIENCES, *MUSIC, *VOICES)}
OF_ROLE: dict[Role, tuple[Kind, ...]] = {
    Role.FX: EFFECTS, Role.AMB: AMBIENCES, Role.MUS: MUSIC, Role.DX: VOICES,
}  # fmt: skip
"""The kinds that each stem is made of."""


def family_of(name: str) -> str:
    """Coarse family of a hit, for evaluation: `steps`, or the kind's own name."""
    return "steps" if name.startswith("steps_") else name
