"""`edge-mnist demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_mnist_runtime.commands.debugging import DebugOption


def demo(
    model: Annotated[
        Path | None,
        typer.Argument(
            help="A built-in model: robust, edge, micro or nano; or a bundle with a page.", show_default="robust"
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0 for any that is free.")] = 8080,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open a browser.")] = False,
    debug: DebugOption = False,
) -> None:
    """Serve a page on which anyone draws digits, to this machine only, until Ctrl-C.

    The model runs inside the page, in the browser. `export --format page`
    writes such a page as a file, which needs no server.
    """
    from edge_mnist_runtime.web.find_page import find_page
    from edge_mnist_runtime.web.server import PageServer

    with PageServer(find_page(model), port) as server:
        print(f"{server.url} shows the page; Ctrl-C ends", flush=True)
        if not no_open:
            import webbrowser
            from threading import Thread

            # In a thread, because a browser in the terminal returns only when it is closed.
            Thread(target=webbrowser.open, args=[server.url], daemon=True).start()
        server.serve_forever()
