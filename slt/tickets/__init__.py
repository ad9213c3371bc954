"""Sources, tickets, what they compute, and their files."""

from slt.tickets.blocks import Block, Part
from slt.tickets.source import Carried, Source
from slt.tickets.storage import load
from slt.tickets.ticket import Ticket
from slt.tickets.two_layer_source import TwoLayerSource

__all__ = ["Block", "Carried", "Part", "Source", "Ticket", "TwoLayerSource", "load"]
