"""What every HTML page of this project is made of: its frame, its style, and pictures and settings inside it.

A page is one self-contained file: no script, nothing from outside.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image

POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser may load for the page: nothing that is not in it."""

STYLE: Final = """
:root{color-scheme:light dark;--ink:#24272c;--quiet:#5c626b;--line:#dcdfe3;--panel:#f3f4f6;--ground:#fff;--bar:#cfe2f5}
@media(prefers-color-scheme:dark){
:root{--ink:#dfe2e7;--quiet:#a0a6af;--line:#3a3f46;--panel:#22262b;--ground:#16181b;--bar:#264a6b}}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:var(--ink);background:var(--ground)}
h1{line-height:1.2}h2{margin:2.5rem 0 .5rem}p,figcaption,caption{max-width:46rem}
.wide{overflow-x:auto}table{border-collapse:collapse}caption{text-align:left;color:var(--quiet);padding-bottom:.5rem}
td,th{padding:.2rem .8rem .2rem 0;font-variant-numeric:tabular-nums;
text-align:right;border-bottom:1px solid var(--line);vertical-align:top}
.heat td,.heat th{padding:.3rem .1rem;min-width:2.4rem;text-align:center;border:1px solid var(--line)}
.heat td{background:rgb(214 39 40/var(--red,0))}.heat .right{background:var(--panel);color:var(--quiet)}
.heat tr:first-of-type>*,.heat th{border-color:transparent}
.settings td,.settings th{text-align:left}
.settings th{font-weight:normal;color:var(--quiet);padding-left:calc(var(--depth)*1rem);white-space:nowrap}
.settings td,code{overflow-wrap:anywhere}
.bar{min-width:6rem;padding:.2rem .4rem;background:linear-gradient(var(--bar) 0 0) 0/var(--part) 100% no-repeat}
.pixels{image-rendering:pixelated;width:100%;display:block}figure{margin:0}
.mistakes{display:grid;grid-template-columns:repeat(auto-fill,8.75rem);gap:1rem}
.mistakes img{box-shadow:0 0 0 1px var(--line)}.mistakes b{display:block;text-wrap:balance}
.mistakes figcaption{font-size:.85rem;line-height:1.35;padding-top:.3rem}
@media(max-width:30rem){body{margin:1rem auto}td,th{padding-right:.4rem}
.mistakes{grid-template-columns:repeat(3,1fr);gap:.7rem}.mistakes figcaption{font-size:.75rem}
.heat{font-size:.75rem}.heat td,.heat th{min-width:1.8rem}.settings th{white-space:normal}}
"""
"""Of every page; `make_page` adds what one page alone needs."""


def make_page(title: str, body: str, *, generator: str, style: str = "") -> str:
    """The text of a whole page.

    Args:
        title: Plain text.
        body: HTML.
        generator: The command that writes such pages, in the page's head: it may replace pages of its own.
        style: CSS of this page alone.
    """
    return "\n".join(
        [
            "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<meta name='generator' content='{generator}'>",
            "<meta name='viewport' content='width=device-width,initial-scale=1'>",
            f"<title>{html.escape(title)}</title><style>{STYLE}{style}</style></head><body>",
            body,
            "</body></html>\n",
        ]
    )


def show_sections(sections: Mapping[str, str]) -> str:
    """Each content (HTML) under its heading (HTML)."""
    return "\n".join(f"<section><h2>{title}</h2>\n{content}</section>" for title, content in sections.items())


def png_address(data: bytes) -> str:
    """A PNG file as an address that holds all of it."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def show_picture(pixels: npt.NDArray[np.uint8], text: str) -> str:
    """Pixels as HTML, enlarged without smoothing.

    Args:
        pixels: uint8, shape (H, W) or (H, W, C): grey, grey and opacity, or red, green and blue.
        text: What the picture shows, for who cannot see it.
    """
    buffer = io.BytesIO()
    one_channel = pixels.ndim == 3 and pixels.shape[2] == 1
    Image.fromarray(pixels[..., 0] if one_channel else pixels).save(buffer, "PNG", optimize=True)
    return f"<img class='pixels' alt='{html.escape(text)}' src='{png_address(buffer.getvalue())}'>"


def show_settings(settings: Mapping[str, Any]) -> str:
    """Names and values, nested as deep as they are, in two columns."""
    rows = "".join(_setting_rows(settings.items(), depth=0))
    return f"<div class='wide'><table class='settings'>{rows}</table></div>"


def _setting_rows(settings: Iterable[tuple[str, Any]], *, depth: int) -> Iterator[str]:
    for key, value in settings:
        name = html.escape(str(key).replace("_", " "))
        nested = isinstance(value, dict)
        yield (
            f"<tr><th scope='row' style='--depth:{depth}'>{name}</th>"
            f"<td>{'' if nested else html.escape(_name_value(value))}</td></tr>"
        )
        if nested:
            yield from _setting_rows(value.items(), depth=depth + 1)


def _name_value(value: Any) -> str:
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
