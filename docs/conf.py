"""How the documentation is built: `make docs`, warnings are errors."""

from plimsoll import __version__

project = "Plimsoll"
author = "The Plimsoll authors"
project_copyright = "2026, The Plimsoll authors"
release = __version__

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"Plimsoll {release}"
html_copy_source = False
html_show_sphinx = False
