"""The words of the tabletop world: everything that a sentence about it can name."""

KINDS = (
    *("mug", "bowl", "bottle", "can", "box", "ball", "plate", "book", "lamp", "stool", "chair", "hammer", "funnel"),
    *("ring", "cone", "dumbbell", "vase", "pan", "bucket", "candle", "tray", "key", "spoon", "cap", "pyramid"),
    *("teapot", "bell", "wheel"),
)
COLORS = (
    *("red", "green", "blue", "yellow", "orange", "purple"),
    *("pink", "brown", "black", "white", "gray", "cyan"),
)
PATTERNS = ("plain", "striped", "checkered")
SIZES = ("small", "large")

UPRIGHT = "upright"  # the way a kind usually stands or lies; sentences do not mention it
LYING, STANDING, UPTURNED = "lying", "standing", "upturned"
POSES = (UPRIGHT, LYING, STANDING, UPTURNED)

ON, INSIDE, UNDER, HOLDING = "on top of", "inside", "under", "holding"
LEFT_OF, RIGHT_OF, IN_FRONT_OF, BEHIND = "left of", "right of", "in front of", "behind"
SUPPORTS = (ON, INSIDE)
RELATIONS = (LEFT_OF, RIGHT_OF, IN_FRONT_OF, BEHIND, ON, INSIDE, UNDER, HOLDING)
OPPOSITE = {
    **{LEFT_OF: RIGHT_OF, RIGHT_OF: LEFT_OF, IN_FRONT_OF: BEHIND, BEHIND: IN_FRONT_OF},
    **{ON: UNDER, UNDER: ON, INSIDE: HOLDING, HOLDING: INSIDE},
}

LEFT, MIDDLE, RIGHT = "on the left", "in the middle", "on the right"
POSITIONS = (LEFT, MIDDLE, RIGHT)

LEFTMOST, RIGHTMOST, NEAREST, FARTHEST = "leftmost", "rightmost", "nearest", "farthest"
EXTREMES = (LEFTMOST, RIGHTMOST, NEAREST, FARTHEST)

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def plural(kind: str) -> str:
    """More than one of a kind: "boxes", "mugs"."""
    return kind + ("es" if kind.endswith("x") else "s")


_NAMES = (*KINDS, *map(plural, KINDS), *COLORS, *PATTERNS, *SIZES, *POSES, *RELATIONS, *POSITIONS, *EXTREMES, *NUMBERS)
_OTHERS = "a an and are by checks color does how is it lie many or stripes table that there this what where with yes no"
# Every word of every sentence, question and answer, each once: what a tokenizer for this world needs.
VOCABULARY = tuple(dict.fromkeys(" ".join((*_NAMES, _OTHERS)).split()))
