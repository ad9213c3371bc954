"""Report: records of experiments and verdicts on claims as one HTML page that needs nothing else, and as Markdown."""

from slt.report.figures import Figure
from slt.report.part import ExperimentPart
from slt.report.report import Report, collect, write_report

__all__ = ["ExperimentPart", "Figure", "Report", "collect", "write_report"]
