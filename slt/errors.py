"""What can go wrong, as one family.

Every error says what was being done, what was given, what was needed and what to do.
"""

from __future__ import annotations


class SltError(Exception):
    """Base of every error that slt raises on purpose."""


class InputError(SltError, ValueError):
    """An argument that cannot be worked with: NaN, a wrong shape, a value out of range."""


class LatticeError(InputError):
    """Values that no admissible power-of-two lattice holds, or sums that would leave 64 bits."""


class UnknownLawError(InputError):
    """The name of a weight law whose class is not there; the text says how it gets there."""


class LimitError(InputError):
    """A request beyond a solver's limit; the text names the limit and what to use instead."""


class UnsupportedModuleError(InputError):
    """A target holds a module that no construction knows; the text names it by its path."""


class AssumptionError(InputError):
    """A target outside what a construction's theorem assumes; the text names the assumption, the value found and the
    construction that would do."""


class NoUsableItemError(InputError):
    """A coordinate has no random unit that could serve it; a larger width is needed."""


class UnreachedError(SltError, ValueError):
    """Weights beyond a tolerance that was required."""


class MaskError(InputError):
    """A mask that does not fit its source."""


class VerificationError(SltError, ValueError):
    """A ticket whose weights are not its random source times its mask."""


class TicketFileError(SltError, OSError):
    """A ticket file that is missing, truncated, altered or from a future version."""


class DataError(SltError, OSError):
    """A data file that is missing or damaged."""


class RecordError(SltError, OSError):
    """An experiment record that cannot be read or written."""


class MissingExtraError(SltError, ImportError):
    """An optional library is not installed; the text names the extra to install."""


class NonFiniteError(SltError, ValueError):
    """A search whose loss or scores became NaN or infinite; ``last_good``: what the last whole epoch found, or None."""

    last_good: object = None


class CheckpointError(SltError, OSError):
    """A checkpoint of a search that is missing, damaged, or of another search."""


class WorkerError(SltError, RuntimeError):
    """A process that measured a unit of an experiment was lost; what had finished is recorded."""
