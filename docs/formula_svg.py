"""A formula as an inline drawing: matplotlib's TeX, so that a page needs no script and no network for it."""

from __future__ import annotations

import re
from html import escape
from io import StringIO


def formula_svg(tex: str, size: float = 13.0) -> str:
    """`<svg>` of a formula in the text's color.

    Raises:
        ValueError: TeX that matplotlib does not know.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    known = to_mathtext(tex)
    with mpl.rc_context({"svg.fonttype": "path", "mathtext.fontset": "cm", "svg.hashsalt": "metaclr"}):
        figure = Figure()
        figure.patch.set_visible(False)
        figure.text(0, 0, f"${known}$", fontsize=size)
        buffer = StringIO()
        figure.savefig(
            buffer, format="svg", bbox_inches="tight", pad_inches=0.03, metadata={"Date": None, "Creator": None}
        )
    drawing = buffer.getvalue()
    drawing = drawing[drawing.index("<svg") :]
    drawing = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", drawing, flags=re.DOTALL)
    drawing = re.sub(r"\s*\n\s*", " ", drawing)
    # Ids of glyphs are the same on every page, but two formulas of one page must not share them.
    return drawing.replace("<svg", f'<svg role="img" aria-label="{escape(tex, quote=True)}" fill="currentColor"', 1)


def to_mathtext(tex: str) -> str:
    """The formula in matplotlib's dialect: braces around every argument of a fraction, text in roman."""
    tex = tex.replace(r"\tfrac", r"\frac").replace(r"\operatorname", r"\mathrm")
    tex = re.sub(r"\\[bB]igg?[lr]?(?![A-Za-z])", "", tex)  # sizes of delimiters, which it does not know
    tex = re.sub(r"\\text\{([^}]*)\}", lambda found: r"\mathrm{" + found[1].replace(" ", r"\ ") + "}", tex)
    tex = re.sub(r"\\frac\s*([0-9A-Za-z])", r"\\frac{\1}", tex)
    return re.sub(r"(\\frac\{[^{}]*\})\s*([0-9A-Za-z])", r"\1{\2}", tex)
