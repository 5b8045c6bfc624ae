"""A report, trajectory or comparison as one HTML file that needs nothing beside it.

No network, no fonts, no library: own drawings, a strict content security policy, and the whole
document inside, so that ``nctool report page.html --json -`` gives it back.
"""

from __future__ import annotations

from nctool.render import Arrays, Renderer
from nctool.report.documents import Document


def page(document: Document, arrays: Arrays | None = None) -> str:
    """The file. ``arrays`` are those of ``--arrays``, by name, as nested sequences of numbers."""
    # Imported late: jinja2 is loaded only where a page is written.
    from nctool.render.page.assembly import assemble

    return assemble(document, arrays)


RENDERER = Renderer("HTML", (".html", ".htm"), lambda document, arrays, _: page(document, arrays))
