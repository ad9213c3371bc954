"""Which entry of references.bib a mention of a paper in claims and docstrings means."""

from __future__ import annotations

import re

MENTIONS = (
    (r"Otsuka\b.*\b(AAAI )?2026|2511\.04217", "otsuka2026"),
    (r"Pensia et al\.|Pensia, Rajput", "pensia2020"),
    (r"Malach et al\.|Malach, Yehudai", "malach2020"),
    (r"Orseau", "orseau2020"),
    (r"Fischer and Burkholz 2022|Plant ?['’]?n['’]? ?[sS]eek", "fischer2022"),
    (r"Fischer, Gadhikar", "fischer2021"),
    (r"Burkholz \(ICML and NeurIPS 2022\)", "burkholz2022convolutional, burkholz2022activation"),
    (r"Natale et al\. 2024|Natale, Ferre", "natale2024"),
    (r"Kumar and Natale", "kumar2025"),
    (r"da Cunha, Natale, Viennot|da Cunha et al\. 2022", "dacunha2022"),
    (r"da Cunha et al\. \(ESA 2023|2204\.13929", "dacunha2023"),
    (r"Ferbach", "ferbach2023"),
    (r"Gadhikar(, Mukherjee|,? 2023)|of Gadhikar 2023", "gadhikar2023"),
    (r"Borgs, Chayes", "borgs2001"),
    (r"Becchetti", "becchetti2022"),
    (r"Xiong", "xiong2023"),
    (r"Burkholz, Laha|Burkholz et al\. 2022", "burkholz2022universal"),
    (r"Horowitz", "horowitz1974"),
    (r"Schroeppel", "schroeppel1981"),
    (r"Ramanujan", "ramanujan2020"),
    (r"Lueker", "lueker1998"),
)  # fmt: skip
"""A pattern, and the keys it stands for."""


def keys_in(text: str) -> list[str]:
    """The keys of the papers that a text mentions, each once."""
    found = [key for pattern, keys in MENTIONS if re.search(pattern, text) for key in keys.split(", ")]
    return list(dict.fromkeys(found))
