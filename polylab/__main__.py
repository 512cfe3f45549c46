"""Answer ``python -m polylab`` and ``python -m polylab start my-course``.

Without a word: print what is installed and what is missing. With ``start``: copy the notebooks into
a folder and open them.
"""

import argparse
import sys

from polylab.environment import report
from polylab.start import start


def main(arguments=None):
    """Do what the command line says; return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a terminal may know fewer letters than we use
    parser = argparse.ArgumentParser(
        prog="python -m polylab",
        description="Without a word: what is installed, and what is missing.")
    verbs = parser.add_subparsers(dest="verb", metavar="start")
    verb = verbs.add_parser("start", help="copy the notebooks into a folder and open them")
    verb.add_argument("folder", nargs="?", default="polylab-course",
                      help="where to; a file that is there already stays (default: %(default)s)")
    verb.add_argument("--only-copy", action="store_true", help="do not open JupyterLab")
    choice = parser.parse_args(arguments)
    if choice.verb is None:
        found = report(device=True)
        print(found.details)
        return not found.ok
    try:
        start(choice.folder, show=not choice.only_copy)
    except OSError as error:
        print(f"polylab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
