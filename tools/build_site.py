"""Build the course as a site of static pages, in ``build/site/``.

    python tools/build_site.py             build it and say where it is
    python tools/build_site.py --serve     then serve it, at a printed address

The pages are the stored notebooks and the texts of ``site/``; nothing is written twice. What a page
needs beside them (which cells are folded, what a picture shows, where the notebook can be had) is
added here, on the way. In ``files/`` lie what a reader may take away: the notebooks, the wheel of
``polylab``, and the course without its answers.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from xml.sax.saxutils import escape

import nbformat
from sphinx.cmd.build import build_main

from polylab.lab import LearningRateLab, modules

sys.path.insert(0, str(Path(__file__).resolve().parent))

from lab_page import serve
from student import write_copies

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ADDRESS = PROJECT["urls"]["Homepage"]
WHEEL = f"polylab-{PROJECT['version']}-py3-none-any.whl"
BUNDLE = "polylab-student.zip"

# What a page folds, by the tag that the course uses: myst-nb's tag, and the words beside the fold.
FOLDED = {
    "question": ("hide-input", "The code of this question, which names the right answer"),
    "promise": ("hide-input", "What is promised of the output above"),
    "solution": ("hide-cell", "An answer"),
}


def build(site=ROOT / "build" / "site"):
    """Build the site.

    Parameters
    ----------
    site : pathlib.Path
        Where the pages are written. The sources are laid out beside it, in ``site-source``, and
        kept, so that a second run reads only what has changed.

    Raises
    ------
    SystemExit
        If Sphinx warns of anything.
    """
    source = site.with_name(f"{site.name}-source")
    lay_out(source)
    if build_main(["-q", "-W", "--keep-going", "-b", "html", "-c", str(ROOT / "site"),
                   "-D", f"html_static_path=static,{ROOT / 'docs'},{source / 'widgets'}",
                   "-d", str(site.with_name(f"{site.name}-doctrees")), str(source), str(site)]):
        raise SystemExit("site: Sphinx was not content, see above")
    add_files(site / "files")
    write_sitemap(site)


def lay_out(folder):
    """Write the sources of the pages into a folder; a file that says the same is not touched."""
    texts = {path.name: path.read_text(encoding="utf-8").replace(
        "{{wheel}}", f"{ADDRESS}files/{WHEEL}") for path in (ROOT / "site").glob("*.md")}
    texts["README.md"] = re.sub(r"\]\((?:notebooks|site)/", "](",
                                (ROOT / "README.md").read_text(encoding="utf-8"))
    texts["lab.html"] = LearningRateLab(predict_first=False).stand_in()
    texts["widgets/polylab.css"], texts["widgets/polylab.js"] = modules.style(), modules.script()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        texts[path.name] = nbformat.writes(page(notebook, path.name))
    (folder / "widgets").mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.*"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def page(notebook, name):
    """Return a notebook as its page shows it: folded, with words for its pictures, and where it is.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        As stored; changed in place.
    name : str
        Its file, which the page offers to download.

    Returns
    -------
    nbformat.NotebookNode
    """
    first = notebook.cells[0]
    first.source = first.source.replace(f"{ADDRESS}run.html", "run.md")
    first.source += f'\n\n<a href="files/{name}" download>Download this notebook</a>\n'
    heading, exercises = "", False
    for number, cell in enumerate(notebook.cells):
        tags, shown = cell.metadata.get("tags", []), {}
        for tag in set(tags) & set(FOLDED):
            hidden, words = FOLDED[tag]
            exercise = re.search(r"(?m)^(?:# )?Exercise (\d+\.\d+(?:, the \w+)?)", cell.source)
            if tag == "solution" and exercise:
                words = f"An answer to {exercise[1]}"
            tags = [*tags, hidden]
            shown |= {"code_prompt_show": words, "code_prompt_hide": words}
        if cell.cell_type == "markdown":
            found = re.findall(r"^#+ (.*)", cell.source, re.MULTILINE)
            heading = found[-1] if found else heading
            # A heading is #The-lab in Jupyter, #the-lab here.
            cell.source = re.sub(r"(?<=\.ipynb#)[\w-]+", lambda m: m[0].lower(), cell.source)
            if not exercises and re.search(r"^### Exercise", cell.source, re.MULTILINE):
                exercises = True
                cell.source = f"{EXERCISES}\n\n{cell.source}"
            if "solution" in tags:
                cell.source = (f"<details><summary>{shown['code_prompt_show']}</summary>\n\n"
                               f"{cell.source}\n\n</details>")
        elif any("image/png" in output.get("data", {}) for output in cell.outputs):
            words = f"Figure, {heading}. {first_sentence(notebook.cells[number + 1:])}"
            shown["image"] = {"alt": words.strip()}
        cell.metadata.update(tags=tags, mystnb=shown)
    return notebook


EXERCISES = """\
:::{note}
A checker runs your answer, so the exercises need Python. [Run it yourself](run.md) says how to get
it, in a browser or on your own machine.
:::"""


def first_sentence(cells):
    """Return the first sentence of the first text among the cells, without its marks."""
    text = next((cell.source for cell in cells if cell.cell_type == "markdown"), "")
    if text.startswith("#"):
        return ""
    text = re.sub(r"[*`$\\]|\[([^]]*)\]\([^)]*\)", r"\1", text.split("\n\n")[0])
    return re.split(r"(?<=[.!?])\s", " ".join(text.split()))[0]


def add_files(folder):
    """Write what a reader may take away: notebooks, wheel, and the course without answers."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "notebooks", folder, ignore=shutil.ignore_patterns(".*"))
    with tempfile.TemporaryDirectory() as temporary:
        # A copy, because setuptools leaves a folder behind and would put old files of it in.
        copy = Path(temporary, "course")
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info"))
        subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps",
                        "--no-build-isolation", "--wheel-dir", folder, copy], check=True)
        student, _teacher = write_copies(Path(temporary))
        shutil.make_archive(str(folder / BUNDLE.removesuffix(".zip")), "zip", student)
    if not (folder / WHEEL).exists():
        raise SystemExit(f"site: the wheel should be {WHEEL}, got "
                         f"{[path.name for path in folder.glob('*.whl')]}")


def write_sitemap(site):
    """List the addresses of all pages, for search engines."""
    pages = sorted(path.name for path in site.glob("*.html") if path.stem not in ("404", "search"))
    urls = "".join(f"<url><loc>{escape(ADDRESS + page)}</loc></url>\n" for page in pages)
    (site / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{urls}</urlset>\n',
        encoding="utf-8")
    (site / "robots.txt").write_text(f"Sitemap: {ADDRESS}sitemap.xml\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Build the course as a site of static pages.")
    parser.add_argument("--serve", action="store_true", help="then serve it to this machine")
    choice = parser.parse_args()
    build()
    first = ROOT / "build" / "site" / "index.html"
    print(f"The site is built: open {first.as_uri()}")
    if choice.serve:
        serve(first.parent)
