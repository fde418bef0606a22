"""Every number that decides which ink is found in a picture, in one group for each module that uses it.

A model depends on the tensor that ink becomes (`preprocess.PREPROCESS`), not on how the ink was found. Picture reading
has a version and a hash of its own, so it can improve without making any model invalid.

Values were tuned on rendered pictures of the development seed (`benchmarks/pictures.py`, `benchmarks/rows.py`,
`benchmarks/rejected_pictures.py`). Where a value follows from something else, its docstring says from what. Fractions
are 0..1. `darkness` is the fraction of the background's light that a pixel lacks.

The groups are named tuples: as frozen dataclasses they would take 5 ms of every cold start.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final, NamedTuple

from edge_mnist_runtime.images.parameters import DECODING, DecodingParameters
from edge_mnist_runtime.reading.modes import READING_MODES, ReadingMode, require_mode

__all__ = ["PICTURE_READING", "READING_MODES", "PictureReadingDefinition", "ReadingMode", "require_mode"]


class ReaderParameters(NamedTuple):
    """`reader.py`: which of the ways to read a picture is taken."""

    detail_side_pixels: int = 1000
    """Larger pictures are averaged down until their longer side is below twice this. A digit of a tenth of the picture
    then still has 100 pixels."""
    min_photo_side_pixels: int = 40
    """Pictures with a shorter side are read as drawings: paper, lines and shadows look like strokes in few pixels."""


class DrawingParameters(NamedTuple):
    """`drawing.py`: what makes a picture a clean drawing on an even background."""

    even_levels: int = 6
    """Grey levels by which an even background may differ from its median. JPEG compression causes such differences."""
    first_row_step: int = 4
    """Every so many pixels of the first row are looked at, before the whole border is."""
    first_row_tail: int = 10
    """One in so many of these pixels is left out at either end of their range: strokes may cross the edge."""
    border_samples: int = 64
    """Pixels of the border that are looked at, about, before all of it is: most photographs fail on these already."""
    max_off_samples: float = 0.2
    """Fraction of the samples that may differ from the border's median: few pixels tell a fraction only roughly."""
    max_off_border: float = 0.002
    """Fraction of the whole border that may differ from its median: single damaged pixels."""
    min_contrast_levels: int = 64
    """Grey levels between ink and background at least: a quarter of the range."""
    stroke_level: int = 64
    """Level of the stretched ink, of 255, above which a pixel belongs to a stroke and not to its soft edge."""
    max_stroke_fraction: float = 0.5
    """Fraction of the picture that strokes cover at most. What covers more is the sheet inside a frame."""
    soft_edge_pixels: int = 3
    """Grey pixels this near to a stroke are its soft edge..."""
    soft_edge_fraction: float = 0.05
    """...or this near, as a fraction of the longer side: small pictures that were enlarged have edges that wide."""
    max_grey_elsewhere: float = 0.001
    """Fraction of all other pixels that may be grey. More of them are shade, printed lines or a second pen."""


class EnlargementParameters(NamedTuple):
    """`enlargement.py`: when a picture is an MNIST tensor that was enlarged."""

    max_error_levels: float = 5.0
    """Grey levels, root mean square, between the picture and its 28 x 28 pixels enlarged again: JPEG causes 4."""
    max_steps: int = 8
    """How often the error is added to the 28 x 28 pixels. One step is enough unless bicubic pixels were clipped."""
    min_gain: float = 0.1
    """Fraction of the error that a step must remove, or it is the last one."""
    min_shifted_side_pixels: int = 84
    """From this side on, 3 pixels for each of the tensor's, edges may be a pixel off: programs round differently."""
    max_off_centre_pixels: float = 0.75
    """Tensor pixels between the ink's centre of mass and the frame's: those of MNIST are within half a pixel."""
    max_off_side_pixels: float = 1.0
    """Tensor pixels by which the longer side may differ from 20: soft edges hide a pixel."""
    first_look_pixels: float = 1.0
    """Added to both while 784 single pixels stand for the picture: each is up to half a pixel off, on either side."""


class GlanceParameters(NamedTuple):
    """`glance.py`: polarity and colour, judged on a small copy of the picture."""

    side_pixels: int = 72
    """Longer side of the small copy, at least: strokes remain visible, and it is made in little time."""
    paper_quantile: float = 0.3
    """Quantile of what the pixels lack that is taken for paper. Ink covers less than the remaining 0.7."""
    max_loss: float = 2.0
    """Fraction of the light that a pixel can lack at most: bounds what noise on a dark background does to the mix."""


class GroundParameters(NamedTuple):
    """`ground.py`: darkness of each pixel against its background, and the noise."""

    darkest_level: int = 24
    """Grey level that a background is taken to have at least: the noise of a black one must not look like ink."""
    noise_rows: int = 40
    """Rows on which the noise is measured, at least; each gives hundreds of differences."""
    sample_step: int = 4
    """Every so many rows and columns tell the paper's darkness: a sixteenth of the pixels has the same quantiles."""
    paper_quantile: float = 0.2
    """Quantile that is still paper where strokes fill the picture..."""
    paper_noise: float = 1.2
    """...plus this many standard deviations of the noise, which put the darkness of paper above 0."""


class LineParameters(NamedTuple):
    """`ruled_lines.py`: printed lines, found in strips across the picture."""

    strips: int = 32
    """Strips that the picture is cut into. The votes are counted in 6 bits, so there may be no more than 63."""
    shown_fraction: float = 0.7
    """Fraction of the strips in which a line must show: the digit and its shadow hide the rest."""
    max_slope: float = 0.27
    """Steepest line, rows a column: 15 degrees. Nobody holds a camera more obliquely."""
    n_slopes: int = 37
    """Slopes tried from one extreme to the other: at 360 columns, neighbours differ by 5 rows from edge to edge."""
    fanning: float = 0.1
    """How far slopes of one family of lines differ from its main slope, rows a column: perspective."""
    n_fanning: int = 17
    """Slopes tried around the main one: 4 rows apart from edge to edge."""
    faintest: float = 0.015
    """Darkness below which a ridge is noise."""
    min_side_pixels: int = 40
    """Pictures with a shorter side have too few pixels to tell a line from a stroke."""
    max_narrowness: float = 1.6
    """In a picture this many times as long as it is broad, a single line along it is taken for a 1."""
    reach_fraction: float = 0.016
    """Of the longer side: half the width that a line may have, and its distance from the next one..."""
    min_reach_pixels: int = 3
    """...but so many pixels at least: 1 or 2 of the line, and its blurred edge."""
    likely_fraction: float = 0.5
    """Fraction of `shown_fraction` of the strips that need any ridge: below, no line is looked for."""
    main_quantile: float = 0.9
    """Quantile of all ridges..."""
    main_factor: float = 2.0
    """...of which so many times count for the main slope: a stroke may be darker, but counts no more than a line."""
    main_step: int = 2
    """Every so many strips and places are summed for the main slope, and the square of this many for the quantile."""
    main_levels: int = 250
    """Steps into which ridges are divided for it: they fit a byte."""
    inside_fraction: float = 0.5
    """Fraction of the strips that a line must pass inside the picture."""
    end_part: int = 6
    """Two of one in so many strips, at either end of a line, must show it..."""
    end_fraction: float = 0.3
    """...with this fraction of the darkness that it has elsewhere. A tall 1 is straight, but ends before the edge."""
    follow_pixels: int = 2
    """Pixels to either side of the straight line within which the printed one is followed: paper is bent."""
    follow_quantile: float = 0.99
    """Weights are cut to this quantile of all ridges..."""
    follow_faintest: float = 3.0
    """...plus so many times `faintest`: a crossing stroke must not pull the line to itself."""
    follow_strips: int = 7
    """Strips over which the offset is averaged: a fifth of the picture."""


class LineRemovalParameters(NamedTuple):
    """`line_removal.py`: how printed lines are taken away."""

    usual_quantile: float = 0.6
    """Quantile along a line that is the line itself: a digit covers less than the remaining 0.4."""
    end_part: int = 3
    """One in so many pixels at either end of a line is looked at alone..."""
    end_fraction: float = 0.4
    """...and stands for all of it where it has less than this fraction of its darkness: a tall 1 covers the rest."""
    darkened_fraction: float = 0.25
    """Fraction of a line's greatest darkness from which on a row around it belongs to it."""
    usual_factor: float = 1.3
    """So many times the row's usual darkness are taken away..."""
    most_fraction: float = 0.3
    """...and this fraction of the line's greatest: print is uneven, and the line a pixel off."""
    min_stretch: float = 0.3
    """Fraction of the ink's darkness to which the rest is stretched at least, where a line is as dark as ink."""


class InkParameters(NamedTuple):
    """`ink.py`: the digit's ink among specks, frames and rests of lines."""

    peak_fraction: float = 0.0012
    """Fraction of all pixels that even a small digit's ink covers."""
    surely_ink: float = 0.5
    """Fraction of the peak's darkness from which on a pixel is surely ink..."""
    surely_ink_noise: float = 5.0
    """...and standard deviations of the noise: one pixel in three million is beyond."""
    maybe_ink: float = 0.28
    """Fraction of the peak's darkness above which a pixel may be ink: it joins the surely inked ones..."""
    maybe_ink_noise: float = 3.0
    """...and standard deviations of the noise: one pixel in a thousand is beyond."""
    level_quantile: float = 0.75
    """Quantile of the ink's darkness that is full ink: the outer pixels are soft edges."""
    edge_weight: float = 0.25
    """What the mass of a part at the picture's edge counts: a desk, a shadow, a neighbour."""
    min_side: float = 0.04
    """Of the picture's shorter side: longer side of a part that can be a digit."""
    min_mass: float = 0.03
    """Of the digit's mass: what a part has at least that belongs to it. Lighter ones are specks."""
    min_own_side: float = 0.1
    """Of the digit's longer side: that of a part which belongs to it, at least."""
    group_gap: float = 0.35
    """Of the digit's longer side, or of the usual height in a row: parts of a digit are no further apart."""
    blob_breadths: float = 2.0
    """So many times as broad as the digit's strokes, a part is a blot and not a stroke."""
    rest_gap: float = 0.08
    """Of the digit's longer side: an upright part this far beside the digit may be the rest of a frame or line..."""
    rest_thinness: float = 6.0
    """...if it is so many times as long as broad..."""
    rest_length: float = 0.9
    """...as long as this fraction of the digit's height or width..."""
    rest_breadth: float = 0.8
    """...and thinner than this fraction of the digit's strokes."""
    outline_drop: float = 0.5
    """Fraction of the ink's darkness by which the light changes around an outline that lies on a real edge."""
    frame_candidates: int = 5
    """Heaviest parts that may be frames: a frame is longer than a digit."""
    framed_height: float = 0.3
    """Of a frame's height: that of what stands inside it, at least..."""
    framed_mass: float = 0.1
    """...and its mass, of the frame's."""
    frame_depth: float = 0.12
    """Of the longer side of a frame's box: how far inside it each side is looked for, for frames lean."""
    framing_cover: float = 0.85
    """Fraction of three sides of the box that a frame with something inside covers: one side may be open..."""
    sparse_area: float = 0.16
    """...while one with nothing inside covers less than this fraction of its box..."""
    sparse_cover: float = 0.9
    """...and this fraction of all four sides. A 0 does not reach into the corners."""


class GlyphParameters(NamedTuple):
    """`glyphs.py`: which parts of the ink make up one digit of several."""

    min_height: float = 0.5
    """Of the usual height: ink this tall is a digit of its own..."""
    max_height: float = 2.5
    """...and taller ink is none."""
    min_mass: float = 0.05
    """Of the heaviest part's mass: that of a digit at least."""
    row_offset: float = 0.5
    """Of the usual height: how far the middles of neighbours in one row are apart at most."""
    shared_columns: float = 0.5
    """Of the narrower part's columns: parts that share more of them are one digit, as the bar of a 5 is."""
    shared_bonus: float = 0.3
    """Pixels by which a small part counts as nearer for every column that it shares with a digit."""
    min_small_mass: float = 0.02
    """Of the heaviest digit's mass: lighter small parts are specks and belong to no digit..."""
    min_small_side: float = 0.12
    """...and so are those whose longer side is below this fraction of the usual height."""


class FlawParameters(NamedTuple):
    """`flaws.py`: what speaks against a picture before any network has seen it."""

    min_side_pixels: float = 9.0
    """Longer side of a digit that can be read, in the picture's own pixels: strokes of smaller ones run together."""
    frame_room: float = 0.15
    """Of the digit's longer side: ink that crosses an edge is cut off if so much is free at the opposite edge."""
    crossing_width: float = 0.65
    """Of a stroke's width, or of the ink's half a stroke inside: narrower ink at an edge ends there."""
    crossing_limit: float = 4.0
    """Strokes' widths to which the latter is cut: more is a bar along the edge."""
    crossing_depth: float = 1.6
    """Strokes' widths inside the edge at which a crossing stroke is still seen..."""
    min_crossing_depth_pixels: int = 2
    """...or so many pixels, where strokes are a pixel wide..."""
    crossing_goes_on: float = 0.5
    """...and of its width at the edge, how wide it is there at least."""
    min_other_mass: float = 0.15
    """Of the digit's mass: what another digit beside it has at least..."""
    min_other_height: float = 0.6
    """...and of its height..."""
    max_other_height: float = 1.3
    """...and at most. A taller thing is no digit of the same hand."""
    grain_signs: int = 4
    """So many signs of paper, shade or texture together mean that there is no ink."""
    faint_levels: tuple[float, ...] = (0.25, 0.33, 0.45)
    """Darkness of full ink below each of which is one more sign: pencil alone reaches 0.3."""
    many_parts: int = 12
    """More parts than these are a sign, unless lines were removed, which leave rests..."""
    very_many_parts: int = 60
    """...and more than these are one in any case."""
    soft_outlines: tuple[float, ...] = (0.97, 0.85)
    """Fractions of the outline on edges below each of which is one more sign: a pen's is 0.98 and more."""
    hair_width: float = 0.03
    """Of a digit's longer side: narrower strokes are a sign. A thin pen's are 0.018 to 0.035."""
    full_ink: float = 0.6
    """Of full ink's darkness: a darker pixel is fully inked..."""
    min_full_fraction: float = 0.65
    """...and ink of which fewer pixels are so is hollow, which is a sign."""
    min_own_mass: float = 0.9
    """Of all that is as dark as ink: less of it in the digit is a sign."""


class PageParameters(NamedTuple):
    """`page.py`: how good the ink is that one window shows."""

    min_darkness: float = 0.05
    """Darkness that any ink has at least..."""
    min_noise_deviations: float = 5.0
    """...and how many times the noise's standard deviation."""
    max_edge_specks: int = 3
    """Pixels at the picture's edges that may be as dark as ink though nothing crosses them: noise."""
    clear_outline: float = 0.95
    """Fraction of the ink's outline on edges of the picture from which on strokes are clear..."""
    clear_darkness: float = 0.3
    """...if full ink has this darkness."""
    sharp_outline: float = 0.98
    """Fraction of the outline from which on a narrower window has nothing to add."""
    max_other_mass: float = 0.02
    """Of all mass: what is not the heaviest part of a digit that is alone. Dust and noise stay below."""
    blob_width: float = 0.25
    """Of the digit's longer side: wider strokes are the less likely strokes the wider they are."""
    hair_width: float = 0.02
    """Of the digit's longer side: narrower ones, too. They are the edges of wider strokes, or grain."""
    darkness_power: int = 2
    """Power of the darkness in the score: faint ink loses against shade that is twice as long."""
    outline_power: int = 6
    """Power of the outline's fraction: half of an outline on no edge makes the score a sixty-fourth."""


class PhotoParameters(NamedTuple):
    """`photo.py`: windows and polarities through which a digit is looked for.

    A window is as wide as the widest stroke that it shows.
    """

    side_pixels: int = 360
    """Longer side at which a whole picture is segmented: a digit of a tenth of it has 36 pixels, more than 28."""
    near_side_pixels: int = 72
    """A digit with a shorter longer side is segmented again from more of the picture's pixels, if it has more."""
    wide_window: float = 0.3
    """Of the shorter side: a stroke this wide is still ink, a wider shadow is background."""
    narrower_windows: tuple[float, ...] = (0.6, 0.15, 0.075, 0.04)
    """Of the shorter side: windows for pictures that show no clear strokes. The first is for strokes that fill them."""
    min_wide_window_pixels: int = 3
    """The least wide window: below, it closes nothing."""
    min_window_pixels: int = 5
    """The least narrower window: below, it fits between the pixels of one stroke."""
    suited_window: float = 3.5
    """Of a stroke's width, the window that shows all of it and little else..."""
    suited_window_pixels: int = 4
    """...and pixels added to it: soft edges of 2 pixels on either side."""
    window_much_too_wide: float = 0.7
    """Of the wide window: where the suited one is below this, it is tried..."""
    window_too_narrow: float = 0.45
    """...and where strokes are wider than this, too, because half of a wider stroke may have been seen."""
    small_digit: float = 0.5
    """Of the shorter side: a digit below this needs no wider window than the first..."""
    thin_stroke: float = 0.3
    """...if its strokes are below this fraction of the window: a wider one shows more shadow, and no more of them."""
    sure_polarity: float = 0.3
    """How much smoother one polarity's background must be than the other's, for polarity to be sure."""
    certain_polarity: float = 0.9
    """...and for the other not to be looked at at all."""
    other_polarity_margin: float = 1.5
    """How many times as good a score ink of the less likely polarity needs..."""
    decisive_margin: float = 4.0
    """...and how many times as good sharp strokes are than the other polarity's, for no doubt to be left."""
    max_lines_in_doubt: int = 3
    """More printed lines than these tell the polarity: the ink has theirs."""
    near_reach: float = 0.8
    """Of the digit's longer side: how much around it is segmented again."""
    min_near_side: float = 0.6
    """Of the side seen before: what is found again must be so large, or a part of the digit was lost."""
    cut_floor: float = 0.2
    """Of full ink's darkness: what becomes black in the digit that is cut out..."""
    cut_full: float = 0.9
    """...and what becomes white."""
    thinnest_stroke: float = 0.1
    """Of the digit's longer side: thinner strokes are widened to this. MNIST's thinnest are 2 of 20 pixels."""


class RowInkParameters(NamedTuple):
    """`rows/ink.py`: the ink of a row of digits."""

    glyph_pixels: int = 44
    """Height at which digits are segmented, if the picture has so many pixels: twice the tensor's 20, and some."""
    min_enlargement: float = 1.2
    """A second, nearer look must show digits so many times as large, or it is not worth its time."""
    near_reach: float = 0.6
    """Of the usual height: how much around a row is segmented again."""
    narrow_windows: tuple[float, ...] = (0.15, 0.075, 0.04)
    """Of the shorter side: windows for pictures whose first look showed no row that the network can read."""
    max_more_signs: int = 2
    """Signs of grain that a row may have beyond a digit's, one for each further digit: paper shows no rows."""


class CutParameters(NamedTuple):
    """`rows/cuts.py`: where touching digits may be cut. Lengths are fractions of the digits' height."""

    max_width: float = 1.25
    """Widest piece..."""
    min_width: float = 0.1
    """...and narrowest: a 1 in thin pen."""
    empty_cost: float = 0.02
    """Cost of a pixel without ink, of a fully inked one's: the shortest of two ways through paper is taken."""
    diagonal_cost: float = 0.414
    """What a diagonal step costs more than a straight one, of its pixel's cost: the square root of 2, less 1."""
    leanings: tuple[float, ...] = (-0.35, -0.15, 0.0, 0.15, 0.35, 0.55)
    """Columns to the right for each row upwards that straight cuts go: handwriting leans right."""
    inked: float = 0.3
    """Fraction of full ink above which a pixel stops a straight cut."""
    max_seam: float = 0.75
    """Two strokes that run along each other touch for no more than this."""
    reach: float = 0.06
    """Of cuts this near to each other the best is tried."""
    same_cut: float = 0.5
    """Fraction of `reach`, on average of all rows, within which a straight cut repeats another one."""


class RowParameters(NamedTuple):
    """`rows/reader.py`: which pieces of a row are digits.

    Prices are -log of a probability; lengths are fractions of the digits' height.
    """

    other_row_mass: float = 0.3
    """Ink in other rows, of this row's own, from which on a picture shows several rows."""
    sure_width: float = 1.3
    """Narrower ink is cut only if the network doubts that it is one digit..."""
    sure_digit: float = 0.8
    """...that is, if its confidence is below this."""
    sure_row: float = 0.9
    """Mean confidence from which on a row is not looked for again in narrower windows."""
    min_row: int = 2
    """Fewer digits do not show that another window saw better than the first."""
    min_piece_mask: float = 0.02
    """Of a group's pixels: smaller pieces are crumbs that a cut leaves, and no digits."""
    any_cut: float = 0.5
    """Price of every cut: of two explanations that of fewer digits holds."""
    stroke_cut: float = 0.15
    """Price for each stroke that a cut crosses..."""
    further_stroke_cut_from: float = 1.3
    """...and 1 more for each beyond so many: touching digits share one stroke, a cut through a 0 crosses two."""
    wide_from: float = 0.65
    """Width from which on a piece is the less likely one digit the wider it is..."""
    wide: float = 8.0
    """...and its price for each height more."""
    narrow_below: float = 0.35
    """Width below which a piece is the less likely any digit but a 1..."""
    narrow: float = 4.0
    """...and its price for each height less."""
    short_below: float = 0.8
    """Height below which a piece is the less likely a digit..."""
    short: float = 2.0
    """...and its price for each height less."""


class PictureReadingDefinition(NamedTuple):
    """Everything that decides which ink is found in a picture."""

    version: int = 7
    """Raised with every change of what is found. Version 1 was the reading that `mnist` still is."""
    decoding: DecodingParameters = DECODING
    reader: ReaderParameters = ReaderParameters()
    drawing: DrawingParameters = DrawingParameters()
    enlargement: EnlargementParameters = EnlargementParameters()
    glance: GlanceParameters = GlanceParameters()
    ground: GroundParameters = GroundParameters()
    lines: LineParameters = LineParameters()
    line_removal: LineRemovalParameters = LineRemovalParameters()
    ink: InkParameters = InkParameters()
    glyphs: GlyphParameters = GlyphParameters()
    flaws: FlawParameters = FlawParameters()
    page: PageParameters = PageParameters()
    photo: PhotoParameters = PhotoParameters()
    row_ink: RowInkParameters = RowInkParameters()
    cuts: CutParameters = CutParameters()
    rows: RowParameters = RowParameters()

    @property
    def sha256(self) -> str:
        """SHA-256 of the canonical JSON of all parameters."""
        return hashlib.sha256(json.dumps(self.parameters(), sort_keys=True).encode()).hexdigest()

    def parameters(self) -> dict[str, Any]:
        """Every parameter by its group and name, and the version."""
        groups = self._asdict()
        version = groups.pop("version")
        return {"version": version, **{name: group._asdict() for name, group in groups.items()}}

    def to_dict(self) -> dict[str, Any]:
        """As the command line's JSON has it."""
        return {"version": self.version, "sha256": self.sha256}


PICTURE_READING: Final = PictureReadingDefinition()
"""The definition that this version of edge-mnist uses."""
