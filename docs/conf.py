"""Settings of the documentation site; `make docs` builds it in docs/build/html, offline and without warnings."""

from __future__ import annotations

import sys
from pathlib import Path

import slt

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_extensions"))

project = "slt"
author = "The slt developers"
copyright = "The slt developers, MIT licence"
version = release = slt.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinxcontrib.bibtex",
    "sphinx_copybutton",
    "sphinx_design",
    "slt_site",
]
exclude_patterns = ["build", "_extensions", "figures", "templates"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
language = "en"
smartquotes = False
nitpicky = False  # docstrings name things that are no objects; links that are written as links are checked all the same

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3

bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"
bibtex_default_style = "unsrt"

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 120
add_module_names = False
toc_object_entries = False  # hundreds of functions a page; each page begins with a table of them
viewcode_line_numbers = True

html_theme = "furo"
html_title = "slt: strong lottery tickets"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0072B2", "color-brand-content": "#0072B2"},
    "dark_css_variables": {"color-brand-primary": "#56B4E9", "color-brand-content": "#56B4E9"},
}
copybutton_prompt_text = "$ "
