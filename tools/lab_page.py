"""Write the learning-rate lab as one static page, ``build/app/``, and serve it.

    python tools/lab_page.py                     on this machine only
    python tools/lab_page.py --visitors          to everybody on the same network
    python tools/lab_page.py --no-browser --port 8000

The page needs no kernel and asks no other host for anything, so any number of visitors may use it
at once. The folder is whole: opened as a file, from a USB stick or from any web server, it works
the same.
"""

import argparse
import functools
import http.server
import socket
import tomllib
import webbrowser
from pathlib import Path

from polylab.lab import LearningRateLab, modules

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COURSE = PROJECT["urls"]["Homepage"]
WORDS = {
    "Learning rate, η": "how far each step goes: coefficients − η × gradient.",
    "Loss": "the sum, or the mean, of the squared differences between the curve and the data at "
            "2,000 points.",
    "Floor": "the least loss that any four coefficients can have. No run ends below it; the sine "
             "has the floor 8.817.",
    "Mode": "a direction in the space of the four coefficients in which a step changes nothing but "
            "the distance. Four coefficients have four modes, and in plain descent each lives for "
            "itself: the bowl is drawn along two of them.",
    "λ (lambda)": "how strongly the bowl is curved along a mode. A step multiplies the distance "
                  "along the mode by 1 − ηλ: near 1 it hardly moves, below 0 it swings from side "
                  "to side, below −1 it grows.",
    "Limit": "the largest stable rate, 2/λ of the most strongly curved mode. Above it plain "
             "descent is gone, however good the start.",
}
PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>The learning-rate lab</title>
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="polylab.css">
<style>
  body {{ margin: 0 auto; padding: 0.5em 1em 2em; max-width: 120em; font-family: system-ui,
    sans-serif; background: light-dark(#fff, #16181d); }}
  h1 {{ margin: 0.2em 0; font-size: 1.4em; }}
  dl {{ display: grid; gap: 0.2em 1.5em; max-width: 60em; line-height: 1.5; }}
  dt {{ font-weight: 600; }}
  dd {{ margin: 0; }}
  @media (min-width: 50em) {{ dl {{ grid-template-columns: max-content 1fr; }} }}
</style>
<script defer src="polylab.js"></script>
</head>
<body>
<main>
<h1>The learning-rate lab</h1>
<p>Choose a learning rate, predict what the training does, and see every step of it.</p>
{lab}
<h2>The words</h2>
<dl>
{words}
</dl>
<p><a href="{course}">The course that this lab belongs to</a></p>
</main>
</body>
</html>
"""


def write(folder):
    """Write the page and what it loads into a folder; return the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    words = "\n".join(f"<dt>{word}</dt><dd>{meaning}</dd>" for word, meaning in WORDS.items())
    texts = {"polylab.css": modules.style(), "polylab.js": modules.script(),
             "index.html": PAGE.format(lab=LearningRateLab().stand_in(), words=words,
                                       course=COURSE)}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "index.html"


def serve(folder, address="127.0.0.1", port=0, opened=lambda url: None):
    """Serve a folder until it is interrupted.

    Parameters
    ----------
    folder : pathlib.Path
        What is served.
    address : str
        127.0.0.1 for this machine only, 0.0.0.0 for everybody who reaches it.
    port : int
        0 takes one that is free.
    opened : callable
        Called once with the address of the page on this machine.
    """
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer((address, port), handler) as server:
        here = f"http://127.0.0.1:{server.server_port}/"
        print(f"{here} (to end it, press Control-C)", flush=True)
        if address == "0.0.0.0":
            print(f"For others: http://{socket.gethostname()}:{server.server_port}/", flush=True)
        opened(here)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def main():
    """Write the page and serve it."""
    parser = argparse.ArgumentParser(description="Serve the learning-rate lab as a static page.")
    parser.add_argument("--visitors", action="store_true",
                        help="let everybody on the network in, not only this machine")
    parser.add_argument("--port", type=int, default=0, help="default: one that is free")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    choice = parser.parse_args()
    page = write(ROOT / "build" / "app")
    print(f"The lab is written: it can also be opened as a file, {page.as_uri()}")
    serve(page.parent, "0.0.0.0" if choice.visitors else "127.0.0.1", choice.port,
          (lambda url: None) if choice.no_browser else webbrowser.open)


if __name__ == "__main__":
    main()
