"""All parameters of picture reading, in one group for each module that uses them.

A model depends on the tensor that ink becomes (`preprocess.PREPROCESS`), not on how the ink was found. Picture reading
has its own version and hash, so it can improve without invalidating any model.

Values were tuned on rendered pictures of the development seed (`benchmarks/pictures.py`, `benchmarks/rows.py`,
`benchmarks/rejected_pictures.py`). If a value follows from something else, its docstring says so. Fractions are 0..1.
`darkness` is the fraction of the background's light that a pixel lacks.

The file is long because every parameter is here, with its docstring, so that one hash covers all. The names of groups
and parameters are part of the hash; three groups (`glance`, `ground`, `flaws`) keep older names of their modules.

The groups are named tuples, because frozen dataclasses would cost 5 ms of every cold start.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final, NamedTuple

from edge_mnist_runtime.images.parameters import DECODING, DecodingParameters
from edge_mnist_runtime.tensor import DARK


class ReaderParameters(NamedTuple):
    """`reader.py`: which reading mode `auto` uses."""

    detail_side_pixels: int = 1000
    """Larger pictures are averaged down until their longer side is below twice this. A digit of a tenth of the picture
    then still has 100 pixels."""
    dark_corner_level: int = DARK
    """The corners of a tensor are below this grey level; see `tensor.py`, which is not to import this file."""
    look_again_below: float = 0.9
    """Confidence below which the network looks at a picture's digit a second time, and at a tensor's if it is small or
    moved. 98 of 100 MNIST digits reach it."""
    smaller_side_pixels: int = 24
    """Side to which the 28 pixels of a picture's digit are shrunk for the second look. The mean of both answers takes
    `robust` from 1.7 to 1.5 % wrong among strangers' accepted pictures, from 97.3 to 97.5 % right, and from 88 to 93 %
    of pictures of no digit rejected. At 22 pixels fewer are wrong (1.4 %), but more are rejected."""
    sure_in_place: float = 0.98
    """Confidence from which a rejected tensor is accepted after its digit was moved to the place of MNIST's. Nothing
    that is no digit reaches it with `robust`; at 0.9 two of a hundred blank images do."""
    sure_in_mean: float = 0.6
    """Confidence from which the mean of the answers for a small or moved digit, as it is and in the place of MNIST's,
    counts. `robust` then accepts 67 of 78 doubtful digits in a corner, all right, and 4 of 93 letters; without the mean
    it accepted 29, one wrong, and 8."""
    smoothing: float = 0.015
    """Standard deviation of the Gaussian that smooths a blank picture before it is read again, as a fraction of the
    shorter side. At 0.01 fewer of sprayed digits are read, at 0.02 no more."""
    sure_of_grain: float = 0.98
    """Confidence from which its digit is accepted. One of 183 blank pages reaches it, four reach the threshold."""
    min_photo_side_pixels: int = 40
    """Minimum shorter side of a photograph. Smaller pictures are read as drawings, because texture, lines and shadows
    look like strokes in few pixels."""


class DrawingParameters(NamedTuple):
    """`drawing.py`: when a picture is a clean drawing on an even background."""

    even_levels: int = 6
    """Maximum difference of an even background from its median, in grey levels. JPEG compression causes such
    differences."""
    grey_levels: int = 12
    """Difference from the background above which a pixel is grey, and maximum range of an even first row: twice
    `even_levels`."""
    first_row_step: int = 4
    """Step between the sampled pixels of the first row, which is checked before the whole border."""
    first_row_tail: int = 10
    """One in so many of these samples is ignored at either end of their range, because strokes may cross the edge."""
    border_samples: int = 64
    """Approximate number of border pixels checked before all of them. Most photographs fail here already."""
    max_off_samples: float = 0.4
    """Maximum fraction of the samples that differ from the border's median. It is generous, because few samples give a
    rough fraction."""
    max_off_border: float = 0.002
    """Maximum fraction of the whole border that differs from its median: single damaged pixels."""
    max_touching: float = 0.3
    """The same maximum if strokes may touch the border. A bar along a whole side is a quarter of it."""
    min_touching_strokes: float = 0.25
    """Minimum fraction of what differs at the border that has the minimum contrast. The rest are soft edges."""
    touching_quantile: float = 0.75
    """Quantile of the ink at the border that is as dark as a stroke. Shade along a side is fainter."""
    min_contrast_levels: int = 64
    """Minimum contrast of strokes that touch the border and of an enlarged tensor, in grey levels: a quarter of the
    range."""
    min_drawn_levels: int = 28
    """Minimum contrast of ink and background, in grey levels: four times what an even background differs."""
    stroke_level: int = 64
    """Level of the stretched ink, 0..255, above which a pixel belongs to a stroke and not to its soft edge."""
    max_stroke_fraction: float = 0.5
    """Maximum fraction of the picture that strokes cover. More is a sheet inside a frame."""
    soft_edge_pixels: int = 3
    """Minimum distance from a stroke, in pixels, within which grey pixels are its soft edge."""
    soft_edge_fraction: float = 0.05
    """The same distance as a fraction of the longer side, if that is more: small pictures that were enlarged have wide
    edges."""
    max_grey_elsewhere: float = 0.001
    """Maximum fraction of all other pixels that are grey. More are shade, printed lines or a second pen."""


class FaintStrokeParameters(NamedTuple):
    """`faint_strokes.py`: faint strokes of clean drawings."""

    full_ink: float = 0.75
    """Fraction of full ink's contrast above which a pixel is fully inked."""
    soft_edge_pixels: int = 3
    """Minimum distance from full ink, in pixels, within which grey pixels are its soft edge. Noise-free drawings that
    were enlarged have wider ones; they do not have one level."""
    soft_edge_fraction: float = 0.02
    """The same distance as a fraction of the longer side, if that is more."""
    min_area: float = 0.015
    """Minimum number of faint pixels, as a fraction of those of full ink: the bar of a 7. Less is a speck."""
    ridge_pixels: int = 2
    """Distance within which the greatest contrast is that of a faint pixel's stroke: of a thin one most pixels are soft
    edge."""
    level_quantile: float = 0.75
    """Quantile of these contrasts that is the level of faint strokes. The rest are their soft edges."""
    min_level: float = 0.15
    """Minimum of that level, as a fraction of full ink's contrast. Below it is shade."""
    max_uneven: float = 0.15
    """Maximum difference from that level, as a fraction of it, of a pixel of a faint stroke."""
    min_even: float = 0.6
    """Minimum fraction of the faint pixels within that difference. Of soft brushes and shadows fewer are."""
    max_breadths: float = 1.7
    """Maximum mean width of faint ink, in widths of the strokes of full ink. Stains are wider."""
    max_overshoot: float = 0.15
    """Maximum length by which ink goes on beyond both sides of full ink's box. It is a fraction of the longer side of
    the box around all ink. Lines that cross a digit go on further."""
    max_cover: float = 0.6
    """Maximum of the smallest side of full ink's box and of faint ink's. It is a fraction of the box around both. Where
    all sides are larger, two digits lie one over the other."""


class SheetParameters(NamedTuple):
    """`sheets.py`: a sheet that stands out from what it lies on."""

    ink_level: int = 127
    """Level of the ink found, 0..255, above which a pixel may belong to a sheet."""
    min_area: float = 0.1
    """Minimum fraction of the picture that the box around a sheet covers. The strokes of a digit are less."""
    min_shape: float = 0.35
    """Minimum ratio of its shorter to its longer side. A stem fills its box, too."""
    min_fill: float = 0.6
    """Minimum fraction of the box that a sheet without its digit covers. Digits cover up to two fifths."""
    min_span: float = 0.84
    """Minimum fraction of the box between a sheet's edges. A 0 has less: it leaves the corners free."""
    min_quadrangle: float = 0.95
    """Minimum area of the quadrangle between the points where a turned sheet touches its box, as a fraction of the area
    between its edges. For a 0 it is 0.64."""
    margins: tuple[float, ...] = (0.03, 0.05, 0.07, 0.09, 0.11, 0.13, 0.15, 0.17, 0.19, 0.21, 0.23)
    """Margins, as fractions of the box's sides, that may be needed to be inside a sheet that is turned."""
    min_edge: float = 0.97
    """Minimum fraction of the edges of what is inside that the sheet covers, besides all corners. Strokes may cross
    them."""


class EnlargementParameters(NamedTuple):
    """`enlargement.py`: when a picture is an enlarged MNIST tensor."""

    max_error_levels: float = 5.0
    """Maximum RMS error, in grey levels, between the picture and its 28 x 28 pixels enlarged again. JPEG causes 4."""
    max_steps: int = 8
    """Maximum number of refinement steps. One step is enough unless bicubic pixels were clipped."""
    min_gain: float = 0.1
    """Minimum fraction of the error that a step must remove; otherwise it is the last one."""
    min_shifted_side_pixels: int = 84
    """Side from which edges may be off by a pixel, because programs round differently: 3 pixels for each of the
    tensor's."""
    edge_shift_pixels: int = 1
    """How far edges may then be off."""
    min_margin_contrast_levels: int = 128
    """Minimum difference of a picture's background from the margin around it, in grey levels: black and white, or
    nearly."""
    max_off_centre_pixels: float = 0.75
    """Maximum distance of the ink's centre of mass from the frame's centre, in tensor pixels. MNIST's is within half a
    pixel."""
    max_off_side_pixels: float = 1.0
    """Maximum difference of the ink's longer side from 20 tensor pixels. Soft edges hide a pixel."""
    first_rows: int = 8
    """Number of rows that are checked before the whole picture. Ink of a digit crosses some of them."""
    max_row_error_levels: float = 15.0
    """Maximum RMS error of each of these rows, in grey levels: three times a picture's, because a row through ink has
    more detail than the rest."""


class TensorBackgroundParameters(NamedTuple):
    """`tensor_background.py`: take a background away from tensors."""

    window_pixels: int = 9
    """Side of the opening's square. A stroke as wide as this would be taken for background; the widest of MNIST's
    training digits has 8."""
    min_bright_border: float = 0.4
    """Minimum fraction of the 108 border pixels that are not black, for a background. Of MNIST's validation digits none
    has more than 0.2; broad pens reach 0.2, splashes of ink 0.35, a checkerboard 0.5, and other backgrounds 0.8."""
    max_roughness: float = 0.9
    """Maximum roughness of what an opening leaves, as a fraction of what a closing leaves, for bright ink on a bright
    background. Digits on a raised, tilted or cloudy background reach 0.38, most on inverted bands 0.9; of
    pieces of photographs five in six have more."""
    min_level: int = 16
    """Grey level that the opened image must reach for a background. Below it is grain; the tensor stays as it is."""
    smoothing_sigma: float = 1.5
    """Standard deviation of the Gaussian that smooths the background, in pixels: an opening has straight edges. Of
    1.5, 2, 3 and 4 pixels it leaves the least of clouds."""
    full_quantile: float = 0.99
    """Quantile of what is left that becomes white. Fewer pixels than that may be noise."""
    min_contrast: float = 24.0
    """Minimum of that quantile, in grey levels, before the background is smoothed. Less is grain, or no ink at all: the
    image is blank."""
    min_range: float = 24.0
    """Minimum of the range that a background leaves, in grey levels, by whose root the rest is divided."""


class ThumbnailParameters(NamedTuple):
    """`thumbnail.py`: polarity and colour, estimated on a small copy of the picture."""

    side_pixels: int = 72
    """Minimum longer side of the small copy. Strokes remain visible, and it is quick to make."""
    paper_quantile: float = 0.3
    """Quantile of the pixels' loss of light that counts as background. Ink covers less than the remaining 0.7."""
    max_contradiction: float = 3.0
    """Each polarity has a background in each colour. If it is so many times as rough as the other polarity's, the
    colour contradicts the polarity."""
    colour_power: int = 2
    """Power of a pixel's loss of light with which it counts for the ink's colour. Few dark pixels of ink then outweigh
    the many others."""


class BackgroundParameters(NamedTuple):
    """`background.py`: darkness of each pixel against its background, and the noise."""

    darkest_level: int = 24
    """Lower clamp for the background's grey level, so that noise on a black background does not look like ink."""
    noise_rows: int = 40
    """Minimum number of rows on which the noise is measured. Each gives hundreds of differences."""
    sample_step: int = 4
    """Step between the rows and columns that estimate the background's darkness. A sixteenth of the pixels has the same
    quantiles."""
    paper_quantile: float = 0.2
    """Quantile of darkness that is still background if strokes fill the picture."""
    paper_noise: float = 1.2
    """Standard deviations of the noise added to that quantile, because noise makes the background's darkness
    positive."""


class LineParameters(NamedTuple):
    """`ruled_lines.py`: find printed lines in strips across the picture."""

    strips: int = 32
    """Number of strips. The votes are counted in 6 bits, so it must not exceed 63."""
    shown_fraction: float = 0.7
    """Minimum fraction of the strips in which a line must show. The digit and its shadow hide the rest."""
    max_slope: float = 0.27
    """Steepest line, in rows per column: 15 degrees, the most oblique that a camera is held."""
    n_slopes: int = 37
    """Number of slopes tried. At 360 columns neighbouring slopes differ by 5 rows from edge to edge."""
    fanning: float = 0.1
    """Maximum difference of a line's slope from the main slope, in rows per column, due to perspective."""
    n_fanning: int = 17
    """Number of slopes tried around the main one: 4 rows apart from edge to edge."""
    faintest: float = 0.015
    """Minimum darkness of a ridge. Fainter ones are noise."""
    min_side_pixels: int = 40
    """Minimum shorter side of a picture with lines. Smaller ones have too few pixels to tell a line from a stroke."""
    max_narrowness: float = 1.6
    """Aspect ratio above which a single line along the picture is taken for a 1."""
    reach_fraction: float = 0.016
    """Half the maximum width of a line, and its minimum distance from the next, as a fraction of the longer side."""
    min_reach_pixels: int = 3
    """Minimum of the same in pixels: 1 or 2 for the line, plus its blurred edge."""
    near_reach: float = 0.5
    """Fraction of its reach at which a line must be darker than its surroundings, too."""
    min_near_reach_pixels: int = 2
    """Minimum of the same in pixels. Closer pixels are the line's own blurred edge."""
    bend_pixels: int = 1
    """How far a printed line may be off a straight one in any strip, in pixels."""
    likely_fraction: float = 0.5
    """Fraction of `shown_fraction` of the strips that must have any ridge; otherwise no line is searched."""
    main_quantile: float = 0.9
    """Quantile of all ridges that caps them in the search for the main slope."""
    main_factor: float = 2.0
    """Factor on that quantile. The cap keeps dark strokes from counting more than lines."""
    main_step: int = 2
    """Step between the strips summed for the main slope; its square is the step between the rows sampled for the
    quantile."""
    main_levels: int = 250
    """Number of levels to which ridges are quantised for the main slope. They fit into a byte."""
    inside_fraction: float = 0.5
    """Minimum fraction of the strips in which a line is inside the picture."""
    end_part: int = 6
    """One in so many strips forms either end of a line."""
    end_strips: int = 2
    """Number of strips of each end that must show the line."""
    end_fraction: float = 0.3
    """Minimum fraction of the line's darkness that its ends must have. A tall 1 is straight, but ends before the
    edge."""
    same_vote: float = 0.999
    """Fraction of a line's darkness from which neighbouring rows and slopes show the same line."""
    follow_pixels: int = 2
    """Maximum distance from the straight line at which a bent line is followed, in pixels."""
    follow_quantile: float = 0.99
    """Quantile of all ridges that caps the weights, so that a crossing stroke does not pull the line."""
    follow_step: int = 2
    """Step between the rows sampled for that quantile."""
    follow_faintest: float = 3.0
    """Multiple of `faintest` added to that cap."""
    follow_strips: int = 7
    """Number of strips over which a bent line's offset is averaged: a fifth of the picture."""


class LineRemovalParameters(NamedTuple):
    """`line_removal.py`: remove printed lines."""

    usual_quantile: float = 0.6
    """Quantile along a line that is the line's own darkness. A digit covers less than the remaining 0.4."""
    end_part: int = 3
    """One in so many pixels at either end of a line is measured separately."""
    end_fraction: float = 0.4
    """Fraction of the line's darkness below which an end stands for the whole line: a tall 1 covers the rest."""
    darkened_fraction: float = 0.25
    """Minimum fraction of a line's maximum darkness that a row around it must have to belong to it."""
    faintest_fraction: float = 0.5
    """The same minimum as a fraction of `lines.faintest`, if that is more. Fainter rows are noise."""
    bridge_pixels: int = 1
    """Added to half of a line's thickness: how far a stroke moves sideways where it crosses the line."""
    usual_factor: float = 1.3
    """Multiple of a row's usual darkness that is subtracted."""
    most_fraction: float = 0.3
    """Fraction of the line's maximum darkness that is subtracted in addition, because print is uneven and the line may
    be a pixel off."""
    min_stretch: float = 0.3
    """Minimum range to which ink on a line is stretched, as a fraction of the ink's darkness, for lines as dark as
    ink."""


class InkParameters(NamedTuple):
    """`ink.py`: tell the digit's ink from specks, frames and residue of lines."""

    peak_fraction: float = 0.0012
    """Fraction of all pixels that even a small digit's ink covers."""
    surely_ink: float = 0.5
    """Fraction of the peak's darkness above which a pixel is surely ink."""
    surely_ink_noise: float = 5.0
    """The same threshold in standard deviations of the noise, if that is more: one noisy pixel in three million exceeds
    it."""
    maybe_ink: float = 0.28
    """Fraction of the peak's darkness above which a pixel may be ink. It counts if it is connected to sure ink."""
    maybe_ink_noise: float = 3.0
    """The same threshold in standard deviations of the noise, if that is more: one noisy pixel in a thousand exceeds
    it."""
    level_quantile: float = 0.75
    """Quantile of the ink's darkness that is full ink. The outer pixels are soft edges."""
    edge_weight: float = 0.25
    """Weight of a component at the picture's edge, such as a desk, a shadow or a neighbour."""
    min_side: float = 0.04
    """Minimum longer side of a digit's component, as a fraction of the picture's shorter side."""
    min_mass: float = 0.03
    """Minimum mass of a component that belongs to the digit, as a fraction of the digit's. Lighter ones are specks."""
    min_own_side: float = 0.1
    """Minimum longer side of a component that belongs to the digit, as a fraction of the digit's."""
    group_gap: float = 0.35
    """Maximum gap between components of one digit, as a fraction of its longer side, or of the usual height in a
    row."""
    blob_breadths: float = 2.0
    """Multiple of the digit's stroke width from which a component is a blot and not a stroke."""
    rest_gap: float = 0.08
    """Gap, as a fraction of the digit's longer side, from which an upright component beside it may be residue of a
    frame or line."""
    rest_thinness: float = 6.0
    """Minimum ratio of length to width of such residue."""
    rest_length: float = 0.9
    """Minimum length of residue, as a fraction of the digit's height or width."""
    rest_breadth: float = 0.8
    """Maximum stroke width of residue, as a fraction of the digit's."""
    outline_reach_pixels: int = 2
    """Pixels to each side of an outline in which the light is compared. Soft edges are this wide."""
    outline_drop: float = 0.5
    """Minimum fall of the light around an outline on a real edge, as a fraction of the ink's darkness."""
    frame_candidates: int = 5
    """Number of heaviest components that may be frames. A frame is longer than a digit."""
    framed_height: float = 0.3
    """Minimum height of a component inside a frame, as a fraction of the frame's."""
    framed_mass: float = 0.1
    """Minimum mass of a component inside a frame, as a fraction of the frame's."""
    frame_depth: float = 0.12
    """How far inside its box each side of a frame may lie, as a fraction of the box's longer side: frames lean."""
    framing_cover: float = 0.85
    """Minimum fraction of three sides of its box that a frame with something inside covers. One side may be open."""
    min_roundness: float = 0.7
    """Minimum ratio of a circle's shorter to its longer side. A 0 that holds a dot is narrower."""
    circle_cover: float = 0.5
    """Minimum fraction of all four sides of its box that a circle covers: two thirds, if it is exact."""
    circle_inside: float = 0.72
    """Distance from the middle of its box, in halves of its sides, within which a circle has hardly any ink."""
    circle_part: float = 0.97
    """Minimum fraction of a circle's ink that is further away. The outlines of a 6 or an 8 come nearer."""
    sparse_area: float = 0.16
    """Maximum fraction of its box that an empty frame covers."""
    sparse_cover: float = 0.9
    """Minimum fraction of all four sides that an empty frame covers. A 0 does not reach into the corners."""


class GlyphParameters(NamedTuple):
    """`glyphs.py`: which components form one digit of several."""

    min_height: float = 0.5
    """Minimum height of a digit's main component, as a fraction of the usual height."""
    max_height: float = 2.5
    """Maximum height of it, as a fraction of the usual height."""
    min_mass: float = 0.05
    """Minimum mass of it, as a fraction of the heaviest component's."""
    row_offset: float = 0.5
    """Maximum vertical distance of neighbours' centres in one row, as a fraction of the usual height."""
    shared_columns: float = 0.5
    """Fraction of the narrower component's columns above which two components form one digit, such as the bar of a
    5."""
    shared_bonus: float = 0.3
    """Pixels by which a small component counts as nearer for every column that it shares with a digit."""
    min_small_mass: float = 0.02
    """Minimum mass of a small component, as a fraction of the heaviest digit's. Lighter ones are specks."""
    min_small_side: float = 0.12
    """Minimum longer side of a small component, as a fraction of the usual height. Smaller ones are specks."""
    max_small_side: float = 1.5
    """Maximum longer side of a small component, as a fraction of the usual height. Longer ones are printed lines."""


class RejectionParameters(NamedTuple):
    """`rejection.py`: reject pictures before the network runs."""

    min_side_pixels: float = 9.0
    """Minimum longer side of a readable digit, in the picture's own pixels. In smaller ones strokes run together."""
    frame_room: float = 0.15
    """Minimum free space at the opposite edge for ink that is cut off, as a fraction of the digit's longer side."""
    crossing_width: float = 0.65
    """Minimum width at the edge of a stroke that crosses it, as a fraction of its width inside. Narrower ink ends
    there."""
    crossing_limit: float = 4.0
    """Maximum of that width inside, in stroke widths. Wider ink is a bar along the edge."""
    crossing_depth: float = 1.6
    """Distance from the edge, in stroke widths, at which a crossing stroke must still be seen."""
    crossing_near: float = 0.5
    """Distance from the edge, in stroke widths, at which the stroke's width inside is measured."""
    min_crossing_depth_pixels: int = 2
    """Minimum of that distance in pixels, for strokes a pixel wide."""
    crossing_goes_on: float = 0.5
    """Minimum width of the stroke there, as a fraction of its width at the edge."""
    min_other_mass: float = 0.15
    """Minimum mass of another digit beside the first, as a fraction of the first one's."""
    min_other_height: float = 0.6
    """Minimum height of another digit, as a fraction of the first one's."""
    max_other_height: float = 1.3
    """Maximum height of another digit, as a fraction of the first one's. Taller ink is not a digit of the same hand."""
    sure_despite_cut: float = 0.98
    """Confidence from which the network's answer counts although strokes reach the edge. Of strangers' pictures that
    seem cut off, 89 of 97 are then accepted and right, and 1 is wrong. Of digits that lost a quarter to a half, 10 %
    are accepted and right, and 8 % wrong."""
    grain_signs: int = 4
    """Number of signs of texture, noise or shadow from which there is no ink."""
    faint_levels: tuple[float, ...] = (0.25, 0.33, 0.45)
    """Full ink fainter than each of these is one sign. Pencil reaches only 0.3."""
    many_parts: int = 12
    """More components than these are a sign, unless lines were removed, which leave residue."""
    very_many_parts: int = 60
    """More components than these are another sign, in any case."""
    soft_outlines: tuple[float, ...] = (0.97, 0.85)
    """An outline with a smaller fraction on edges than each of these is one sign. A pen's has 0.98 or more."""
    hair_width: float = 0.03
    """Strokes narrower than this fraction of the digit's longer side are a sign. A thin pen's have 0.018 to 0.035."""
    full_ink: float = 0.6
    """Fraction of full ink's darkness above which a pixel is fully inked."""
    min_full_fraction: float = 0.65
    """A smaller fraction of fully inked pixels is a sign: the ink is hollow."""
    min_own_mass: float = 0.9
    """A smaller fraction of all dark mass inside the digit is a sign."""


class PageParameters(NamedTuple):
    """`page.py`: how good the ink of one segmentation is."""

    min_darkness: float = 0.05
    """Minimum darkness of any ink."""
    min_noise_deviations: float = 5.0
    """Minimum darkness of any ink in standard deviations of the noise."""
    max_edge_specks: int = 3
    """Maximum number of pixels at the picture's edges as dark as ink if nothing crosses them. They are noise."""
    min_stem_darkness: float = 0.6
    """Minimum darkness of a lone line, as a fraction of the ink's, to take it for a straight stroke of the digit."""
    min_stem_width: float = 0.7
    """Minimum width of such a line, as a fraction of the strokes'. Printed lines are thinner than a pen's."""
    clear_outline: float = 0.95
    """Minimum fraction of the outline on edges for clear strokes."""
    clear_darkness: float = 0.3
    """Minimum darkness of full ink for clear strokes."""
    sharp_outline: float = 0.98
    """Minimum fraction of the outline on edges for sharp strokes. A narrower window cannot improve them."""
    max_other_mass: float = 0.02
    """Maximum fraction of all mass outside the heaviest component if a digit is alone. Dust and noise stay below."""
    blob_width: float = 0.25
    """Stroke width, as a fraction of the digit's longer side, from which ink is a blob and its score falls."""
    hair_width: float = 0.02
    """Stroke width, as a fraction of the digit's longer side, below which the score falls: edges of wider strokes, or
    grain."""
    darkness_power: int = 2
    """Power of the darkness in the score. Faint ink loses against shade that is twice as long."""
    outline_power: int = 6
    """Power of the outline's fraction in the score. A fraction of one half makes it a sixty-fourth."""


class PhotoParameters(NamedTuple):
    """`photo.py`: scales (closing windows) and polarities at which a picture is segmented.

    A window is as wide as the widest stroke that it keeps.
    """

    side_pixels: int = 360
    """Longer side at which a whole picture is segmented. A digit of a tenth of it has 36 pixels, more than 28."""
    near_side_pixels: int = 72
    """Minimum longer side of a digit, in pixels. A smaller one is segmented again at a higher resolution, if there is
    one."""
    wide_window: float = 0.3
    """Wide closing window as a fraction of the shorter side. A stroke this wide is still ink; a wider shadow is
    background."""
    narrower_windows: tuple[float, ...] = (0.6, 0.15, 0.075, 0.04)
    """Windows for pictures without clear strokes, as fractions of the shorter side. The first is for strokes that fill
    the picture."""
    min_wide_window_pixels: int = 3
    """Minimum size of the wide window. A smaller one closes nothing."""
    min_window_pixels: int = 5
    """Minimum size of the other windows. A smaller one fits between the pixels of one stroke."""
    suited_window: float = 3.5
    """Window suited to a stroke, in stroke widths: it shows the whole stroke and little else."""
    suited_window_pixels: int = 4
    """Pixels added to the suited window: soft edges of 2 pixels on either side."""
    window_much_too_wide: float = 0.7
    """The suited window is tried if it is below this fraction of the wide one..."""
    window_too_narrow: float = 0.45
    """...or if strokes are wider than this fraction of the wide one, which may have shown only half of a stroke."""
    small_digit: float = 0.5
    """A digit below this fraction of the shorter side needs no window wider than the first..."""
    thin_stroke: float = 0.3
    """...if its strokes are below this fraction of the window. A wider window would only add shadow."""
    sure_polarity: float = 0.3
    """Minimum certainty of the polarity to trust it: how much smoother its background is than the other's."""
    certain_polarity: float = 0.9
    """Minimum certainty of the polarity to skip the other one."""
    other_polarity_margin: float = 1.5
    """Factor by which the less likely polarity must have a better score."""
    decisive_margin: float = 4.0
    """Factor by which sharp strokes must have a better score than the other polarity to end the search."""
    max_lines_in_doubt: int = 3
    """More printed lines than these settle the polarity: ink has the same one."""
    cut_margin_pixels: int = 2
    """Empty pixels around a cropped digit. They count as background when `normalise_ink` looks for its threshold."""
    near_reach: float = 0.8
    """Margin around a digit that is segmented again, as a fraction of its longer side."""
    min_near_side: float = 0.6
    """Minimum side of the digit found again, as a fraction of its side before. A smaller one has lost strokes."""
    cut_floor: float = 0.2
    """Fraction of full ink's darkness that becomes black in the cropped digit."""
    cut_full: float = 0.9
    """Fraction of full ink's darkness that becomes white in the cropped digit."""


class ThinStrokeParameters(NamedTuple):
    """`thin_strokes.py`: widen thin strokes."""

    min_width: float = 0.1
    """Stroke width, as a fraction of the digit's longer side, to which thinner strokes are widened. MNIST's thinnest
    are 2 of 20 pixels."""
    max_length: float = 3.2
    """Length of all strokes, in longer sides of the digit, above which a clean drawing is an outlined digit. It has
    two strokes for each of a pen's: 4.1 in the median. Of digits in thin pens 95 % have less than 3.2."""


class RowInkParameters(NamedTuple):
    """`rows/ink.py`: find the ink of a row of digits."""

    glyph_pixels: int = 44
    """Height at which digits are segmented, if the picture has enough pixels: a little over twice the tensor's 20."""
    min_enlargement: float = 1.2
    """Minimum enlargement of a second, closer segmentation. With less it is not worth its time."""
    near_reach: float = 0.6
    """Margin around a row that is segmented again, as a fraction of the usual height."""
    narrow_windows: tuple[float, ...] = (0.15, 0.075, 0.04)
    """Windows for pictures whose first segmentation shows no readable row, as fractions of the shorter side."""
    max_more_signs: int = 2
    """Maximum number of signs of grain that a row may have beyond a digit's: one for each further digit. Texture rarely
    forms a row."""


class BoxParameters(NamedTuple):
    """`rows/boxes.py`: the sides of printed boxes, and dividers, among a row's digits."""

    max_width: float = 0.35
    """Maximum width of a side, as a fraction of its height: pictures are turned, and corners stay."""
    reach: float = 0.06
    """Maximum distance of its ends from a removed line, as a fraction of its height."""
    min_reach_pixels: float = 3.0
    """Minimum of the same in pixels."""
    min_sides: int = 2
    """Minimum number of sides that end at lines."""
    max_adjacent: int = 2
    """Maximum number of sides beside each other: one of each of two boxes."""
    margin: float = 0.05
    """Minimum distance of a digit from the top and bottom of the sides beside it, as a fraction of their height."""


class CutParameters(NamedTuple):
    """`rows/cuts.py`: where touching digits may be cut; lengths are fractions of the digits' height."""

    max_width: float = 1.25
    """Maximum width of a piece."""
    min_width: float = 0.1
    """Minimum width of a piece: a 1 in thin pen."""
    empty_cost: float = 0.02
    """Cost of a pixel without ink, relative to full ink. Of two paths without ink the shorter is taken."""
    diagonal_cost: float = 0.414
    """Extra cost of a diagonal step, as a fraction of its pixel's cost: the square root of 2, less 1."""
    leanings: tuple[float, ...] = (-0.35, -0.15, 0.0, 0.15, 0.35, 0.55)
    """Slants of straight cuts, in columns to the right per row upwards: handwriting leans right."""
    inked: float = 0.3
    """Fraction of full ink above which a pixel stops a straight cut."""
    max_seam: float = 0.75
    """Maximum length along which two strokes touch."""
    reach: float = 0.06
    """Distance of cuts within which only the best is tried."""
    same_cut: float = 0.5
    """Fraction of `reach`, averaged over all rows, within which a straight cut repeats another cut."""


class RowParameters(NamedTuple):
    """`rows/reader.py`: which pieces of a row are digits.

    Costs are -log of a probability; lengths are fractions of the digits' height.
    """

    other_row_mass: float = 0.3
    """Mass in other rows, as a fraction of this row's, above which a picture shows several rows."""
    sure_width: float = 1.3
    """Maximum width of ink that is cut only if the network doubts that it is one digit."""
    sure_digit: float = 0.8
    """Minimum confidence for no such doubt."""
    sure_row: float = 0.9
    """Minimum mean confidence of a row. Below it narrower windows are tried."""
    min_row: int = 2
    """Minimum number of digits for a narrower window to replace the first segmentation."""
    min_piece_mask: float = 0.02
    """Fraction of a glyph's pixels above which a piece is tried. Smaller pieces are crumbs that a cut leaves."""
    any_cut: float = 0.5
    """Cost of every cut. Of two equal explanations the one with fewer digits wins."""
    stroke_cut: float = 0.15
    """Cost for each stroke that a cut crosses."""
    further_stroke_cut_from: float = 1.3
    """Number of strokes from which each further one costs 1 more. Touching digits share one stroke; a cut through a 0
    crosses two."""
    wide_from: float = 0.65
    """Width from which a piece costs more."""
    wide: float = 8.0
    """Cost of that excess width, per height."""
    narrow_below: float = 0.35
    """Width below which a piece costs more unless it is a 1."""
    narrow: float = 4.0
    """Cost of that missing width, per height."""
    short_below: float = 0.8
    """Height below which a piece costs more."""
    short: float = 2.0
    """Cost of that missing height, per height."""


class PictureReadingDefinition(NamedTuple):
    """All parameters that decide which ink is found in a picture, with a version."""

    version: int = 13
    """Raised with every change of the results. From version 13 on it finds digits of spray and halftone, digits on
    square sheets that are turned by up to 14 degrees, and rows of digits in boxes."""
    decoding: DecodingParameters = DECODING
    reader: ReaderParameters = ReaderParameters()
    drawing: DrawingParameters = DrawingParameters()
    faint_strokes: FaintStrokeParameters = FaintStrokeParameters()
    sheets: SheetParameters = SheetParameters()
    enlargement: EnlargementParameters = EnlargementParameters()
    tensor_background: TensorBackgroundParameters = TensorBackgroundParameters()
    glance: ThumbnailParameters = ThumbnailParameters()
    ground: BackgroundParameters = BackgroundParameters()
    lines: LineParameters = LineParameters()
    line_removal: LineRemovalParameters = LineRemovalParameters()
    ink: InkParameters = InkParameters()
    glyphs: GlyphParameters = GlyphParameters()
    flaws: RejectionParameters = RejectionParameters()
    page: PageParameters = PageParameters()
    photo: PhotoParameters = PhotoParameters()
    thin_strokes: ThinStrokeParameters = ThinStrokeParameters()
    row_ink: RowInkParameters = RowInkParameters()
    boxes: BoxParameters = BoxParameters()
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
        """For the command line's JSON output."""
        return {"version": self.version, "sha256": self.sha256}


PICTURE_READING: Final = PictureReadingDefinition()
"""The definition that this version of edge-mnist uses."""
