"""How many of something, in words."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """ "1 number", "1,024 numbers"; ``noun`` takes an s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """A share of 1 with two digits behind the point, with two that are not 0 where it would be 0.00% and is not."""
    return f"{100 * share:.2g}%" if 0 < share < 0.00005 else f"{share:.2%}"
