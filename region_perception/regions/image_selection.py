"""From clicks in an image to the things that they point at.

Where depth is known, what stands out from its support is taken by its shape (see `depth_selection`), and without what
stands on it (see `carried`). What lies flat on a support, and everything without depth, is told by colour:

A click floods outwards over pixels that look alike. How unlike they may be is not a constant: the flood is watched
while the tolerance rises, and the tolerance is taken at which it rests longest. While it fills a thing it grows with
every step, at the edge of the thing it rests, and when it leaks it jumps.

Unlikeness is a distance in CIELAB: the larger of the step to the neighbouring pixels and of the distance to the clicked
colour, in which shade counts for less than hue, so that light and shadow on one thing do not part it. Where depth is
known, a jump or crease in it counts as a step.

Work is done on at most WORK_SIDE x WORK_SIDE pixels: first on the whole image, reduced, then again on the surroundings
of what was found, so that a small thing in a large image is found to the pixel.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from region_perception.errors import warn_about_input
from region_perception.regions import colour
from region_perception.regions.depth_heaps import alone
from region_perception.regions.depth_selection import Standing, standing
from region_perception.regions.parting import apart

Pixel = tuple[int, int]  # (x, y)
Area = tuple[int, int, int, int]  # (left, top, right, bottom)

WORK_SIDE = 384  # pixels
TOLERANCES = np.geomspace(2, 80, 32)  # CIELAB distance: from just seen to red against green
NEVER = len(TOLERANCES)  # the level of pixels that no flood reaches
REST = (1.12, 1.05)  # growth from one tolerance to the next that still counts as resting: around a thing, within it
EVERYTHING = 0.999  # share of the image from which a flood has left nothing out
NEARLY_WHOLE = 0.9  # share of the image from which a selection is worth a warning
HOLE = 0.02  # share of a selection up to which a hole in it (a highlight, a scratch) is closed
MOST = 0.5  # share of the image from which what is connected is not one thing
COMMON = 0.15  # share of a support from which a colour is one of its own
LEAST_COMMON = 0.02  # share of the image that tells about the colours of a support
ALIKE = 12  # CIELAB distance
SURE_STEP = 20  # CIELAB distance that a jump in depth counts for when it is surely more than noise


def select(pixels: np.ndarray, depth: np.ndarray | None, positive: list[Pixel], negative: list[Pixel]) -> np.ndarray:
    """bool [H, W]: the things at the positive pixels, without what belongs to the negative ones.

    pixels: uint8 [H, W, 3] RGB. depth: float32 [H, W] metres, NaN where unknown. Always holds the positive pixels.
    """
    selected = np.zeros(pixels.shape[:2], dtype=bool)
    for seed in positive:
        if not selected[seed[1], seed[0]]:
            selected |= _select_one(pixels, depth, seed, negative)
    for x, y in negative:
        selected[y, x] = False
    if selected.mean() > NEARLY_WHOLE:
        message = f"Click: little sets {positive[0]} apart from its surroundings, nearly the whole image is selected"
        warn_about_input(f"{message}; a Box or a negative point would narrow it")
    return selected


def thing_at(pixels: np.ndarray, depth: np.ndarray, seed: Pixel) -> tuple[np.ndarray, bool] | None:
    """bool [H, W]: the thing at one pixel, or the support there, and which of both; None where depth is unknown.

    pixels, depth: as for `select`.
    """
    found = standing(depth, seed)
    if found is None:
        return None
    thing = _thing(found, pixels, depth, seed, [])
    if thing is None or (found.support and np.count_nonzero(thing) > MOST * np.count_nonzero(found.part)):
        return found.part, True
    return thing, False


def _select_one(pixels: np.ndarray, depth: np.ndarray | None, seed: Pixel, negative: list[Pixel]) -> np.ndarray:
    """bool [H, W]: the thing at one pixel, by its shape where that sets it apart, else by its colour."""
    found = None if depth is None else standing(depth, seed)
    if depth is None or found is None:
        return _select_alike(pixels, None, seed, negative)
    thing = _thing(found, pixels, depth, seed, negative)
    return found.part if thing is None else thing


def _thing(
    found: Standing, pixels: np.ndarray, depth: np.ndarray, seed: Pixel, negative: list[Pixel]
) -> np.ndarray | None:
    """bool [H, W]: what of `found` is one thing with `seed`; None where that is the support as a whole."""
    part = found.part
    inside = [(x, y) for x, y in negative if part[y, x]]
    if not found.support and part.mean() <= MOST:
        return (
            _connected(apart(part, pixels, depth, seed, inside), seed) if inside else alone(found, pixels, depth, seed)
        )
    alike = _select_alike(pixels, depth, seed, negative)
    if found.support and not inside and _is_common(pixels, part & ~alike, seed):
        return None
    return _connected(alike & part, seed)


def _is_common(pixels: np.ndarray, elsewhere: np.ndarray, seed: Pixel) -> bool:
    """Whether the clicked colour is a usual one in another part of the image, as on a table of wood or of tiles."""
    step = _step((0, 0, *elsewhere.shape))
    some, (x, y) = np.s_[::step, ::step], seed
    clicked = np.median(colour.lab(pixels[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]).reshape(-1, 3), axis=0)
    others = colour.lab(pixels[some][elsewhere[some]])
    if len(others) < LEAST_COMMON * elsewhere[some].size:
        return False
    return float((colour.unlike(others[None], clicked) <= ALIKE).mean()) > COMMON


def _select_alike(pixels: np.ndarray, depth: np.ndarray | None, seed: Pixel, negative: list[Pixel]) -> np.ndarray:
    """bool [H, W]: what looks alike, sought in the whole image, then with more detail around what was found."""
    height, width = pixels.shape[:2]
    area = (0, 0, width, height)
    selected = _select_in(area, pixels, depth, seed, negative)
    if _step(area) > 1 and selected.mean() > 0.5:  # a thing too small to be seen in the reduced image leaks
        closer = _around(seed, width, height)
        small = _select_in(closer, pixels, depth, seed, negative)
        return selected if _cut_off(_box_of(small), closer, area) else small
    while _step(_surroundings(selected)) < _step(area):
        area = _surroundings(selected)
        selected = _select_in(area, pixels, depth, seed, negative)
    return selected


def _select_in(
    area: Area, pixels: np.ndarray, depth: np.ndarray | None, seed: Pixel, negative: list[Pixel]
) -> np.ndarray:
    """bool [H, W]: the thing at one pixel, as far as it lies in `area`, in as much detail as WORK_SIDE allows."""
    left, top, right, bottom = area
    window, step = np.s_[top:bottom, left:right], _step(area)
    others = [(x, y) for x, y in negative if left <= x < right and top <= y < bottom]
    points = [((x - left) // step, (y - top) // step) for x, y in [seed, *others]]
    image, relief = _reduced(pixels[window], None if depth is None else depth[window], step)
    found = _flood(image, relief, points[0], [point for point in points[1:] if point != points[0]])
    selected = np.zeros(pixels.shape[:2], dtype=bool)
    selected[window] = found.repeat(step, axis=0).repeat(step, axis=1)[: bottom - top, : right - left]
    selected[seed[1], seed[0]] = True
    return selected


def _flood(image: np.ndarray, relief: np.ndarray | None, seed: Pixel, negative: list[Pixel]) -> np.ndarray:
    """bool [h, w]: the thing at `seed`. image: float32 [h, w, 3] CIELAB; relief: as `_relief` makes it."""
    noise = colour.noise(image)
    smooth = colour.smoothed(image, min(noise / 3.5, 2.5))  # a blur over s pixels leaves 1 / (3.5 s) of the noise
    steps = _steps(smooth, relief)
    levels = _levels(smooth, steps, seed)
    found = levels <= _resting_level(levels, [levels[y, x] for x, y in negative])
    if negative:
        found &= _nearer(levels, [_levels(smooth, steps, other) for other in negative], seed, negative)
    features = image if relief is None else np.dstack((image, relief))
    return _tidied(_sharpened(found, features, noise), seed, negative)


def _levels(image: np.ndarray, steps: np.ndarray, seed: Pixel) -> np.ndarray:
    """int64 [h, w]: the first tolerance (its index) at which the flood from `seed` reaches each pixel, or NEVER."""
    x, y = seed
    clicked = np.median(image[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].reshape(-1, 3), axis=0)
    unlike = np.maximum(steps, colour.unlike(image, clicked))
    levels = np.full(unlike.shape, NEVER)
    for level in range(NEVER - 1, -1, -1):
        alike = unlike <= TOLERANCES[level]
        if not alike[y, x]:
            break
        labels, _ = ndimage.label(alike)
        levels[labels == labels[y, x]] = level
    levels[y, x] = min(levels[y, x], NEVER - 1)
    return levels


def _resting_level(levels: np.ndarray, negative: list[int]) -> int:
    """The tolerance (its index) at which the flood rests: the end of the longest run of small growth.

    Inside the run that fills a thing, the run of even smaller growth tells the thing from small neighbours that it has
    leaked into. The flood stops short of the negative points where it can.
    """
    areas = np.cumsum(np.bincount(levels.ravel(), minlength=NEVER + 1)[:NEVER]) / levels.size
    start = int(np.argmax(areas > 0))
    stop = max(min([NEVER, *negative]), start + 1)
    for growth in REST:
        start, stop = _longest_run(areas, start, stop, growth)
    return stop - 1


def _longest_run(areas: np.ndarray, first: int, stop: int, growth: float) -> tuple[int, int]:
    """The longest run [start, end) of levels in [first, stop) from each of which to the next `areas` grow little.

    areas: shares of the image, rising. A run counts for less the more it covers, since every flood rests once it has
    leaked everywhere.
    """
    best, best_score, start = (first, first + 1), 0.0, first
    for end in range(first + 1, stop + 1):
        if end < stop and areas[end] <= areas[end - 1] * growth and areas[end] < EVERYTHING:
            continue
        score = (end - start) * (1 - areas[end - 1] / 2) if areas[end - 1] < EVERYTHING else 0.0
        if score > best_score:
            best, best_score = (start, end), score
        start = end
    return best


def _nearer(levels: np.ndarray, rivals: list[np.ndarray], seed: Pixel, negative: list[Pixel]) -> np.ndarray:
    """bool [h, w]: the pixels that the flood from `seed` reaches before any other, by tolerance, then by distance."""
    rows, columns = np.ogrid[: levels.shape[0], : levels.shape[1]]
    first = np.ones(levels.shape, dtype=bool)
    near = (columns - seed[0]) ** 2 + (rows - seed[1]) ** 2
    for rival, (x, y) in zip(rivals, negative, strict=True):
        first &= (levels < rival) | ((levels == rival) & (near < (columns - x) ** 2 + (rows - y) ** 2))
    return first


def _steps(image: np.ndarray, relief: np.ndarray | None) -> np.ndarray:
    """float32 [h, w]: the largest step from each pixel to its four neighbours, in CIELAB distance."""
    steps = np.zeros(image.shape[:2], np.float32)
    for axis in range(2):
        step = np.linalg.norm(np.diff(image, axis=axis), axis=2)
        before, after = ((slice(None),) * axis + (part,) for part in (slice(None, -1), slice(1, None)))
        steps[before] = np.maximum(steps[before], step)
        steps[after] = np.maximum(steps[after], step)
    return steps if relief is None else np.maximum(steps, np.maximum(_bend(relief, 0), _bend(relief, 1)))


def _relief(depth: np.ndarray) -> np.ndarray | None:
    """float32 [h, w]: depth scaled like colour, so that a bend of SURE_STEP is surely more than noise; None if unknown.

    Holes are filled from the nearest pixel.
    """
    unknown = ~np.isfinite(depth)
    if unknown.all():
        return None
    nearest = ndimage.distance_transform_edt(unknown, return_distances=False, return_indices=True)
    known = np.maximum(depth[tuple(nearest)], 1e-3)
    relief = ndimage.median_filter(1 / known, 3)  # the inverse of depth is linear on any plane, however tilted
    relief /= np.median(relief)
    return (relief * (SURE_STEP / max(8 * np.median(_bend(relief, 0)), 0.01))).astype(np.float32)


def _bend(relief: np.ndarray, axis: int) -> np.ndarray:
    """How far each pixel is off the line between its neighbours: zero on planes, large at jumps and creases."""
    return np.abs(ndimage.correlate1d(relief, [1, -2, 1], axis))


def _sharpened(found: np.ndarray, features: np.ndarray, noise: float) -> np.ndarray:
    """`found` with its edge moved to where the colour (and depth) inside changes over to that outside.

    The flood stops a little before an edge, since every edge is a step.
    """
    reach = 3 + int(noise / 3.5)
    near = ndimage.binary_dilation(found, iterations=reach)
    outside = ~ndimage.binary_dilation(near)
    if not outside.any():
        return found
    fine = features.copy()
    fine[..., :3] = colour.smoothed(features[..., :3], min(noise / 4, 2))
    apart = []
    for part in (found, outside):
        weight = ndimage.gaussian_filter(part.astype(np.float32), 2 * reach) + 1e-6
        usual = colour.smoothed(features * part[..., None], 2 * reach) / weight[..., None]
        apart.append(((fine - usual) ** 2).sum(axis=2))
    belongs = near & (apart[0] < apart[1])
    if noise > 2:  # speckled: by the majority around each pixel
        belongs = ndimage.uniform_filter(belongs.astype(np.float32), 5) > 0.5
    return belongs | ndimage.binary_erosion(found, iterations=2)


def _tidied(found: np.ndarray, seed: Pixel, negative: list[Pixel]) -> np.ndarray:
    """The part of `found` that is connected with `seed`, without threads of a pixel or two, small holes closed."""
    found = _connected(ndimage.binary_opening(found), seed)
    holes, _ = ndimage.label(ndimage.binary_fill_holes(found) & ~found)
    small = np.bincount(holes.ravel()) <= HOLE * np.count_nonzero(found)
    small[0] = False
    for x, y in negative:
        small[holes[y, x]] = False
    return found | small[holes]


def _connected(found: np.ndarray, seed: Pixel) -> np.ndarray:
    found[seed[1], seed[0]] = True
    labels, _ = ndimage.label(found)
    return labels == labels[seed[1], seed[0]]


def _step(area: Area) -> int:
    """How many pixels become one, so that no side of `area` is longer than WORK_SIDE."""
    return -(-max(area[2] - area[0], area[3] - area[1]) // WORK_SIDE)


def _box_of(selected: np.ndarray) -> Area:
    columns, rows = np.flatnonzero(selected.any(axis=0)), np.flatnonzero(selected.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _surroundings(selected: np.ndarray) -> Area:
    """The box around `selected`, with half as much again on every side."""
    left, top, right, bottom = _box_of(selected)
    aside, above = (right - left) // 2 + 16, (bottom - top) // 2 + 16
    height, width = selected.shape
    return max(left - aside, 0), max(top - above, 0), min(right + aside, width), min(bottom + above, height)


def _around(seed: Pixel, width: int, height: int) -> Area:
    """The part of the image near `seed` that is worked on in full detail."""
    left, top = max(seed[0] - WORK_SIDE // 2, 0), max(seed[1] - WORK_SIDE // 2, 0)
    return left, top, min(left + WORK_SIDE, width), min(top + WORK_SIDE, height)


def _cut_off(box: Area, area: Area, whole: Area) -> bool:
    """Whether `box` reaches an edge of `area` beyond which the image goes on."""
    return any(inner == edge != end for inner, edge, end in zip(box, area, whole, strict=True))


def _reduced(pixels: np.ndarray, depth: np.ndarray | None, step: int) -> tuple[np.ndarray, np.ndarray | None]:
    """CIELAB of `pixels` and the relief of `depth`, `step` x `step` pixels made one: mean colour, middle depth."""
    from PIL import Image

    if step > 1:
        pixels = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).reduce(step))
    if depth is not None and step > 1:
        rows, columns = (
            np.minimum(np.arange(count) * step + step // 2, full - 1)
            for count, full in zip(pixels.shape[:2], depth.shape, strict=True)
        )
        depth = depth[np.ix_(rows, columns)]
    return colour.lab(pixels), None if depth is None else _relief(depth)
