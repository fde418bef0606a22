"""Write the page of classified pictures: one HTML file without scripts or other resources. Every value is escaped."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final

from edge_mnist_runtime.atomic_file import replace_file
from edge_mnist_runtime.errors import InputError, UsageError
from edge_mnist_runtime.images.colours import upright_colours
from edge_mnist_runtime.images.data_url import is_data_url
from edge_mnist_runtime.inputs import Picture, decode, read_any
from edge_mnist_runtime.paths import exists, is_file, is_folder
from edge_mnist_runtime.picture_report.tally import REJECTED, UNREAD, Case, Tally
from edge_mnist_runtime.prediction import Prediction
from edge_mnist_runtime.reading.modes import ReadingMode

if TYPE_CHECKING:
    from PIL import Image

GENERATOR: Final = "edge-mnist classify"
"""The generator named in the head of the page. A page that names it may be replaced."""

HEAD_BYTES: Final = 1000
"""Bytes at the start of a page to search for the generator."""

SUFFIXES: Final = (".html", ".htm")

THUMBNAIL_PIXELS: Final = 160
"""Maximum side of a picture on the page."""

STRONGEST_RED: Final = 0.6
"""Maximum opacity of the red behind a number in a table. The number is legible on light and on dark pages."""

FAINTEST_RED: Final = 0.25
"""Opacity behind the rarest mistake, as a fraction of `STRONGEST_RED`, so that a single mistake is seen."""

VERDICTS: Final = (*range(10), REJECTED, UNREAD)
"""Columns of the confusion table."""


def check_report_path(path: Path, *, force: bool) -> None:
    """Check before the work that the page can be written.

    Raises:
        UsageError: The path is a folder, is not named .html, lies in no folder that can be written, or is a file that
            no `classify` wrote, and `force` is not set.
    """
    if is_folder(path):
        raise UsageError(f"{path}: is a folder; name a file for `report`, such as {path / 'report.html'}")
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: `report` writes an HTML page; name a file ending in .html")
    if not is_folder(path.parent):
        raise UsageError(f"{path}: there is no folder {path.parent} for the `report`")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"{path}: the folder {path.parent} cannot be written; name another `report`")
    if exists(path) and not force and not was_written_by(GENERATOR, path):
        raise UsageError(
            f"{path}: exists, and edge-mnist classify did not write it; name another `report`, or replace it with "
            "`force=True`"
        )


def was_written_by(generator: str, page: Path) -> bool:
    """Whether a file is a page whose head names this generator."""
    if not is_file(page):
        return False
    with page.open("rb") as handle:
        return f"content='{generator}'".encode() in handle.read(HEAD_BYTES)


def write_picture_page(path: Path, tally: Tally, *, mode: ReadingMode, about: dict[str, str]) -> None:
    """Write the page atomically. The pictures that it shows are read again.

    Args:
        path: The page.
        tally: The results.
        mode: The mode in which the pictures were read.
        about: Names and values that say how the pictures were classified.

    Raises:
        OutputError: The page cannot be written.
    """
    page = _make_page(tally, mode, about)
    # Names of the user's files may not be UTF-8.
    data = page.encode("utf-8", errors="backslashreplace")
    replace_file(path, lambda partial: partial.write_bytes(data), advice="free space, or name another `report`")


def _make_page(tally: Tally, mode: ReadingMode, about: dict[str, str]) -> str:
    templates = files(__package__) / "templates"
    style = "".join((templates / name).read_text("utf-8") for name in ("page.css", "pictures.css"))
    body = "\n".join([*_summary(tally), *_confusions(tally), *_pictures(tally, mode), *_about(about)])
    frame = Template((templates / "page.html").read_text("utf-8"))
    return frame.substitute(generator=GENERATOR, title=_title(tally), style=style, body=body)


def _title(tally: Tally) -> str:
    pictures = _count(tally.n_pictures, "picture")
    if tally.n_labelled:
        of = "" if tally.n_labelled == tally.n_pictures else f" of the {tally.n_labelled:,} with a label"
        return f"{pictures}: {tally.n_right / tally.n_labelled:.2%}{of} read right"
    counts = (("accepted", tally.n_accepted), (REJECTED, tally.count(REJECTED)), (UNREAD, tally.count(UNREAD)))
    return f"{pictures}: {', '.join(f'{n:,} {name}' for name, n in counts if n) or 'none read'}"


def _summary(tally: Tally) -> Iterator[str]:
    unknown = "No picture has a label, so right and wrong are not known. A folder named 0 to 9 labels its pictures."
    known = "A picture's label is the name of its folder, if that is a digit."
    yield f"<p>{known if tally.n_labelled else unknown}</p>"
    rows = [("pictures", tally.n_pictures, ""), ("accepted", tally.n_accepted, "")]
    if tally.n_labelled:
        judged = tally.n_right + tally.n_wrong
        among = f"{tally.n_wrong / judged:.2%} of the accepted with a label" if judged else ""
        rows += [("read right", tally.n_right, f"{tally.n_right / tally.n_labelled:.2%} of those with a label")]
        rows += [("read wrong", tally.n_wrong, among)]
        rows += [("accepted without a label", tally.n_accepted - judged, "")] if tally.n_accepted > judged else []
    rows += [(REJECTED, tally.count(REJECTED), "")]
    rows += [(f"rejected: {reason}", n, "") for reason, n in tally.reasons.most_common()]
    rows += [(UNREAD, tally.count(UNREAD), "")]
    yield "<div class='wide'><table>"
    for name, n, note in rows:
        yield f"<tr><th scope='row'>{escape(name)}</th><td>{n:,}</td><td>{note}</td></tr>"
    yield "</table></div>"


def _confusions(tally: Tally) -> Iterator[str]:
    if not tally.n_labelled:
        return
    yield "<section><h2>Confusions</h2>"
    yield "<p>Each row is a label, each column an answer. The redder, the more mistakes.</p>"
    yield "<div class='wide'><table class='heat'>"
    yield f"<tr><td></td>{''.join(f'<th scope=col>{verdict}</th>' for verdict in VERDICTS)}</tr>"
    mistakes = [n for (label, verdict), n in tally.confusions.items() if label is not None and label != verdict]
    most = max(mistakes, default=1)
    for label in range(10):
        cells = []
        for verdict in VERDICTS:
            n = tally.confusions[label, verdict]
            red = shade_mistakes(n, most=most)
            look = "class='right'" if verdict == label else f"style='--red:{red:.2f}'" if n else ""
            cells.append(f"<td {look}>{n if n or verdict == label else ''}</td>")
        yield f"<tr><th scope='row'>{label}</th>{''.join(cells)}</tr>"
    yield "</table></div></section>"


def shade_mistakes(n: int, *, most: int) -> float:
    """Opacity of the red behind `n` mistakes, 0..1, in a table whose most frequent mistake was made `most` times."""
    return STRONGEST_RED * (FAINTEST_RED + (1 - FAINTEST_RED) * n / most) if n else 0.0


def _pictures(tally: Tally, mode: ReadingMode) -> Iterator[str]:
    worst = tally.worst
    more = tally.n_pictures - len(worst)
    shown = f"The worst {len(worst):,}; {more:,} more are not shown." if more else f"All {len(worst):,}."
    order = "Wrong answers come first, then unread, rejected and uncertain pictures."
    sides = "Left: the picture. Right: what the network saw."
    yield f"<section><h2>Pictures</h2>\n<p>{shown} {order if worst else ''} {sides}</p>"
    yield "<div class='pictures'>"
    yield from (_figure(case, mode) for case in worst)
    yield "</div></section>"


def _figure(case: Case, mode: ReadingMode) -> str:
    words = [f"<b>{escape(_verdict(case))}</b>", *map(escape, _details(case)), f"<bdi>{escape(case.name)}</bdi>"]
    pair, problem = "", ""
    if isinstance(case.outcome, Prediction) and case.picture is not None:
        try:
            pair = f"<div class='pair'>{_thumbnail(case.picture)}{_tensor(case.picture, mode)}</div>"
        except (InputError, OSError, ValueError) as error:  # the file changed meanwhile, or was a pipe
            problem = f"<br>not shown: {escape(str(error))}"
    look = "wrong" if case.is_wrong else ""
    caption = f"{words[0]}<span class='quiet'>{'<br>'.join(words[1:])}{problem}</span>"
    return f"<figure class='{look}'>{pair}<figcaption>{caption}</figcaption></figure>"


def _verdict(case: Case) -> str:
    reason = case.outcome.reason if isinstance(case.outcome, Prediction) else None
    if case.is_wrong:
        return f"read as {case.verdict}, shows {case.label}"
    shows = "" if case.label in (None, case.verdict) else f", shows {case.label}"
    return f"{reason or case.verdict}{shows}"


def _details(case: Case) -> Sequence[str]:
    if isinstance(case.outcome, InputError):
        return [str(case.outcome)]
    confidence = case.outcome.confidence
    if case.outcome.digit is not None:
        return [f"{confidence:.2%}"]
    likeliest = case.outcome.likeliest
    return ["rejected before the network" if likeliest is None else f"rejected; {likeliest} has {confidence:.2%}"]


def _thumbnail(picture: Picture) -> str:
    _rewind(picture)
    thumbnail = upright_colours(decode(picture), side_pixels=THUMBNAIL_PIXELS)
    is_large = max(thumbnail.size) > THUMBNAIL_PIXELS
    thumbnail.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    return _image(thumbnail, "the picture", kind="JPEG" if is_large else "PNG")


def _tensor(picture: Picture, mode: ReadingMode) -> str:
    from PIL import Image

    _rewind(picture)
    return _image(Image.fromarray(read_any(picture, mode).pixels), "what the network saw", kind="PNG", look="pixels")


def _rewind(picture: Picture) -> None:
    """Prepare a picture to be read again.

    Raises:
        InputError: It is no file any more, or a pipe.
    """
    if isinstance(picture, io.BytesIO):  # standard input
        picture.seek(0)
    elif isinstance(picture, str) and not is_data_url(picture) and not is_file(picture, InputError):
        raise InputError("it is no file any more, or a pipe, which can be read only once")


def _image(picture: Image.Image, text: str, *, kind: str, look: str = "") -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f"<img class='{look}' alt='{text}' src='data:image/{kind.lower()};base64,{data}'>"


def _about(about: dict[str, str]) -> Iterator[str]:
    yield "<section><h2>How</h2>\n<div class='wide'><table class='settings'>"
    for name, value in about.items():
        yield f"<tr><th scope='row'>{escape(name)}</th><td>{escape(value)}</td></tr>"
    yield "</table></div></section>"


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
