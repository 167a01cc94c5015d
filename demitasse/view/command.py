"""`demitasse view`: watch, read and decide in the browser."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from demitasse.errors import ConfigError

if TYPE_CHECKING:
    from demitasse.view.changed import Stamp
    from demitasse.view.contents import Review
    from demitasse.view.store import EditStore


def add_view_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `demitasse view`."""
    parser.add_argument("path", type=Path, metavar="DIR", help="annotation results, dataset files, or predictions")
    parser.add_argument("--media", type=Path, metavar="DIR", help="folder of the videos or images, if they have moved")
    parser.add_argument("--captions", type=Path, metavar="DIR", help="annotation results whose captions to show too")
    parser.add_argument("--port", type=int, default=0, help="0 for any free one (default: %(default)s)")
    parser.add_argument("--no-open", action="store_true", help="open no browser")
    parser.add_argument("--read-only", action="store_true", help="take no decisions; look on while someone else does")
    parser.add_argument("--who", metavar="NAME", help="the name that decisions carry (default: your login name)")
    parser.add_argument("--static", type=Path, metavar="OUT.html", help="write one page that needs no server, and end")


def run_view(args: argparse.Namespace) -> int:
    """Serve the page until interrupted, or write it.

    Raises:
        DemitasseError: for a folder that holds nothing to see, a taken port, a folder that someone decides on.
    """
    from demitasse.view.changed import stamp
    from demitasse.view.folders import open_review

    read = stamp(args.path)  # before it is read: what changes meanwhile is told of, too
    review = open_review(args.path, args.media, args.captions)
    if args.static:
        return _write(review, args)
    _warn_of_missing(review)
    if args.read_only or not review.decidable:
        return _serve(review, None, read, args)
    from demitasse.view.store import EditStore

    with EditStore(review, _edits_folder(args.path), args.who or _login()) as store:
        return _serve(review, store, read, args)


def _serve(review: Review, store: EditStore | None, read: Stamp, args: argparse.Namespace) -> int:
    import webbrowser

    from demitasse.view.changed import stamp
    from demitasse.view.edits import EDITS
    from demitasse.view.server import ViewServer

    with ViewServer(review, store, args.port, lambda: stamp(args.path) != read) as server:
        kept = f"decisions go to {_edits_folder(args.path) / EDITS}" if store else "no decisions are taken"
        print(f"{len(review.entries)} items of {len(review.media)} media; {kept}; Ctrl-C ends it")
        print(server.address, flush=True)
        if not args.no_open:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print(file=sys.stderr)
    return 0


def _write(review: Review, args: argparse.Namespace) -> int:
    from demitasse.view.edits import EDITS, read_edits
    from demitasse.view.static import write_page

    if args.static.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--static {args.static}: a page's name ends in .html")
    edits = _edits_folder(args.path) / EDITS
    write_page(review, read_edits(edits) if edits.is_file() else {}, args.static, args.who or "")
    _warn_of_missing(review)
    print(f"{args.static}: {len(review.entries)} items of {len(review.media)} media")
    return 0


def _warn_of_missing(review: Review) -> None:
    faults = [medium for medium in review.media if medium.path is None]
    if faults:
        print(f"{len(faults)} media are not shown; {faults[0].name!r}: {faults[0].fault}", file=sys.stderr)


def _edits_folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _login() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return ""
