"""Sources, tickets, what they compute, and their files."""

from slt.tickets.source import Carried, Source
from slt.tickets.storage import load
from slt.tickets.ticket import Ticket
from slt.tickets.two_layer_source import Block, TwoLayerSource

__all__ = ["Block", "Carried", "Source", "Ticket", "TwoLayerSource", "load"]
