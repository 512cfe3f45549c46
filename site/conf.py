"""How Sphinx builds the course as a site; tools/build_site.py lays out the sources and calls it."""

import tomllib
from pathlib import Path
from urllib.parse import urlsplit

PROJECT = tomllib.loads(
    (Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ADDRESS = PROJECT["urls"]["Homepage"]  # ends with a slash

project = html_title = PROJECT["name"]
version = release = PROJECT["version"]
project_copyright = PROJECT["authors"][0]["name"]
language = "en"
extensions = ["myst_nb", "notfound.extension", "sphinx-mathjax-offline", "sphinxext.opengraph"]
exclude_patterns = ["README.md"]  # it is included in parts
html_baseurl = ADDRESS

# The notebooks are shown as they are stored.
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # the widgets bring their own scripts
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
nb_number_source_lines = False
myst_enable_extensions = ["amsmath", "attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_favicon = "static/icon.svg"
html_css_files = ["polylab.css", "site.css"]
html_js_files = [(name, {"defer": "defer"}) for name in ("polylab.js", "address.js")]
html_copy_source = html_show_sourcelink = False
html_use_index = html_domain_indices = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#00507f", "color-brand-content": "#00507f"},
    "dark_css_variables": {"color-brand-primary": "#7cc4f0", "color-brand-content": "#7cc4f0"},
}

notfound_urls_prefix = urlsplit(ADDRESS).path
ogp_site_url = ADDRESS
ogp_image = f"{ADDRESS}_static/lab.png"
ogp_image_alt = "The learning-rate lab: the fit, the loss, the bowl and the sweep of all rates"
ogp_enable_meta_description = True
ogp_social_cards = {"enable": False}


def make_accessible(app, name, template, context, doctree):
    """Mend what keeps a keyboard or a screen reader out of a page."""
    if "body" in context:  # what can be pushed to and fro can also be reached by keyboard
        context["body"] = context["body"].replace("<pre>", '<pre tabindex="0">')
    if "toctree" in context:
        toctree = context["toctree"]
        context["toctree"] = lambda **options: toctree(**options).replace(
            'role="heading"', 'role="heading" aria-level="2"')


def setup(app):
    """Let Sphinx call what is defined here, before the theme reads the context."""
    app.connect("html-page-context", make_accessible, priority=450)
