"""References as text with links to the papers that they name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

_PAPER = re.compile(r"arXiv:(\d{4}\.\d{4,5})(?:v\d+)?|doi:(10\.\d{4,9}/[^\s,;]+)")


def with_links(reference: str) -> Markup:
    """The reference as HTML: an arXiv number or a DOI becomes a link, everything else is escaped.

    >>> str(with_links("Chen et al. 2020, arXiv:2002.05709"))
    'Chen et al. 2020, <a href="https://arxiv.org/abs/2002.05709" rel="noopener">arXiv:2002.05709</a>'
    """
    from markupsafe import Markup, escape

    parts, end = [], 0
    for found in _PAPER.finditer(reference):
        arxiv, doi = found.groups()
        address = f"https://arxiv.org/abs/{arxiv}" if arxiv else f"https://doi.org/{doi}"
        link = Markup('<a href="{}" rel="noopener">{}</a>').format(address, found[0])
        parts += [escape(reference[end : found.start()]), link]
        end = found.end()
    return Markup("").join([*parts, escape(reference[end:])])
