"""How Sphinx makes the site. `python -m docs.website` is the command."""

from middleware import __version__

project = "NGW2F"
author = "The NGW2F developers"
project_copyright = author
release = version = __version__
language = "en"

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
root_doc = "docs/index"
# Links to pages and headings are checked; those of types in signatures are of no concern.
nitpicky = False

html_theme = "furo"
html_title = f"NGW2F {release}"
html_show_sphinx = False
html_copy_source = False
html_favicon = "icon.svg"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_theme_options = {"source_view_link": ""}
html_meta = {
    "description": "A web chat made by hand on WSGI, and middleware for any WSGI application."
}
html_permalinks_icon = "#"
