"""Reports: what the page and the Markdown say of records, that the page loads nothing, and that it fails in parts."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from slt.cli.report import report as report_command
from slt.errors import InputError, MissingExtraError, RecordError
from slt.records import Records, new_record
from slt.report import Report, collect, write_report
from slt.report.blocks import Caption, Lines, Table, blocks_of
from slt.report.markdown import markdown_of, text
from slt.report.page import page_of
from slt.report.wording import duration, memory
from slt.runner import find_experiment

ROOT = Path(__file__).parents[2]
HOSTILE = '<script>alert("1")</script><img src="http://evil.example/a.png"> ![a](http://evil.example/b.png) 2**n, 3**n'

TINY = """
from slt.runner import Experiment

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63f8ffff3f0005fe02fe0def46b80000000049454e44ae426082"
)


class Tiny(Experiment):
    name = "tiny"
    claim = "A tiny claim: 2**n < 3**n."
    default_config = {"sizes": [1, 2, 3], "seed": 0, "label": "plain"}
    smoke_config = {"sizes": [1]}

    def units(self, config):
        return [{"size": size, "seed": config["seed"], "label": config["label"]} for size in config["sizes"]]

    def measure(self, unit):
        return {"value": 2 * unit["size"]}

    def figure(self, records, folder):
        (folder / "values.png").write_bytes(PIXEL)
        (folder / "values.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>" + " " * len(records))
        (folder / "values.txt").write_text("not shown")
        missing = [r["config"]["size"] for r in records if "value" not in r["result"]]
        if missing:
            raise KeyError(f"no value of {missing} in {folder}")
        return [folder / "values.png", folder / "values.svg", folder / "values.txt"]

    def summary(self, records):
        rows = [f"| {r['config']['label']} | {r['result']['value']} |" for r in records]
        return "\\n".join(["first line", "  2**-4 under it", "| label | value |", "|---|--:|", *rows, "**all** done"])


EXPERIMENT = Tiny()
"""


class Page(HTMLParser):
    """All tags with their attributes, and the visible texts."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


Recorder = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the experiment ``tiny``, without records."""
    place = tmp_path / "experiments" / "tiny"
    place.mkdir(parents=True)
    (place / "experiment.py").write_text(TINY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def record(folder: Path) -> Recorder:
    """Records one unit of ``tiny`` beside it; ``into``: another folder."""

    def append(size: int, seed: int = 0, label: str = "plain", into: str = "experiments/tiny", **given: Any) -> None:
        unit = {"size": size, "seed": seed, "label": label}
        result = given.pop("result", {"value": 2 * size})
        seconds = given.pop("seconds", 0.5)
        versions = given.pop("versions", {"python": "3.11.0", "numpy": "2.0.0"})
        made = {**new_record("tiny", unit, result, seconds, **given), "versions": versions}
        (folder / into).mkdir(parents=True, exist_ok=True)
        Records(folder / into / "records.jsonl").append(made)

    return append


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(report_command, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def loads_nothing(content: str) -> None:
    page = Page(content)
    assert page.open == []
    for tag, attributes in page.tags:
        assert tag not in ("script", "iframe", "object", "embed", "base", "form", "video", "audio", "source")
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "srcset", "poster", "data", "action"):
                assert (value or "").startswith(("data:image/", "data:,", "#")), (tag, name, value)
    assert not re.search(r"url\(|@import", content)
    assert page.of("meta")[1] == {
        "http-equiv": "Content-Security-Policy",
        "content": "default-src 'none'; img-src data:; style-src 'unsafe-inline'",
    }


def test_a_report_of_one_experiment(folder: Path, record: Recorder) -> None:
    for size in (1, 2, 3):
        record(size, seconds=60.0 * size, memory=size * 2**30, device="A processor, 2 cores")
    code, out, err = run()
    assert (code, "Traceback" in err) == (0, False)
    assert out.splitlines() == [
        "wrote results/report/figures/tiny/values.svg",
        "wrote results/report/report.md",
        "wrote results/report/report.html",
    ]
    content = Path("results/report/report.html").read_text()
    loads_nothing(content)
    page = Page(content)
    for said in (
        "A tiny claim: 2**n < 3**n.",
        "1 experiment; 3 units measured in 6 min 0 s.",
        "Measured on A processor, 2 cores.",
        "3 of 3 of the default settings",
        '3 min 0 s: {"size": 3, "seed": 0, "label": "plain"}',
        "3.0 GiB",
        "python 3.11.0, numpy 2.0.0",
        "experiments/tiny/records.jsonl",
        "code not recorded",
    ):
        assert said in page.text
    assert page.texts.count("  2**-4 under it") == 1  # plain lines as they are
    assert [image["alt"] for image in page.of("img")] == ["tiny: values"]
    assert (page.of("img")[0]["src"] or "").startswith("data:image/svg+xml;base64,")  # the smaller of the two files
    assert {"class": "warning"} not in page.of("p") and {"class": "failure"} not in page.of("p")
    anchors = {attributes["href"] for attributes in page.of("a")}
    assert anchors == {"#overview", "#experiment-tiny"}
    assert {f"#{attributes.get('id')}" for attributes in page.of("section")} == anchors

    markdown = Path("results/report/report.md").read_text()
    (link,) = re.findall(r"!\[tiny: values\]\((.*)\)", markdown)
    assert (Path("results/report") / link).read_text().startswith("<svg")
    assert "```text\nfirst line\n  2**-4 under it\n```\n\n| label | value |\n|---|--:|\n| plain | 2 |" in markdown


def test_the_same_records_give_the_same_bytes(folder: Path, record: Recorder) -> None:
    for size in (1, 2):
        record(size)
    record(3, result={})
    first, again = ({f.name: f.read_bytes() for f in write_report(collect(), into)} for into in ("a", "b"))
    assert first == again
    assert str(folder).encode() not in b"".join(first.values())


def test_hostile_texts_are_shown_and_do_nothing(folder: Path, record: Recorder) -> None:
    record(1, label=HOSTILE, seconds=9.0, device=HOSTILE, code=HOSTILE, versions={HOSTILE: HOSTILE})
    report = collect()
    content, markdown = page_of(report), markdown_of(report, "figures")
    loads_nothing(content)
    assert "<script" not in content and '<script>alert("1")</script>' in Page(content).text
    assert "<script" not in markdown and "<img" not in markdown
    assert re.findall(r"(?<!\\)!?(?<!\\)\[[^\]]*(?<!\\)\]\(([^)]*)\)", markdown) == ["figures/tiny/values.svg"]


@given(st.text(max_size=60))
def test_text_in_markdown_is_text(given_text: str) -> None:
    from markdown_it import MarkdownIt

    shown = Page(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(f"said: {text(given_text)}"))
    assert [tag for tag, _ in shown.tags] == ["p"]
    # what HTML cannot hold (a null) is replaced
    assert shown.text == " ".join(f"said: {given_text}".replace("\0", "�").split())


def test_changed_settings_are_told(record: Recorder) -> None:
    record(1, label="other")
    (part,) = collect().parts
    assert part.coverage is not None
    assert part.coverage.short == "0/3 + 1" and part.settings == "changed"
    assert ("setting", 'label: "other"; by default "plain"') in part.facts()
    record(1)
    (part,) = collect().parts
    assert part.coverage is not None and part.coverage.text == "1 of 3 of the default settings, and 1 of others"


def test_smoke_settings_and_missing_units_are_told(folder: Path, record: Recorder) -> None:
    source = folder / "experiments" / "tiny" / "experiment.py"
    source.write_text(source.read_text().replace('{"sizes": [1]}', '{"sizes": [7, 8]}'))
    record(7)
    (part,) = collect().parts
    assert part.settings == "smoke" and ("setting", "sizes: [7, 8]; by default [1, 2, 3]") in part.facts()
    assert part.warnings == ("1 unit of the smoke settings without a record.",)
    record(1)
    (part,) = collect().parts
    assert ("setting", "size: 7; by default 1, 2, 3") in part.facts()


def test_records_of_several_versions_are_warned_of(record: Recorder) -> None:
    record(1, code=find_experiment("tiny").code)
    record(2, code="0.0.9+0123456789ab", versions={"python": "3.12.0", "numpy": None})
    record(3)
    (part,) = collect().parts
    code, libraries, present = part.warnings
    assert "several versions of the code" in code and "0.0.9+0123456789ab (1 unit); not recorded (1 unit)" in code
    assert "python 3.11.0, numpy 2.0.0 (2 units); python 3.12.0, numpy not installed (1 unit)" in libraries
    assert present.startswith("1 unit measured by other code than the present 0.1")


def test_each_seed_has_a_part(record: Recorder) -> None:
    for seed in (10, 2):
        for size in (1, 2, 3):
            record(size, seed=seed)
    report = collect()
    assert [part.title for part in report.parts] == ["tiny, seed 2", "tiny, seed 10"]
    assert [part.coverage.text for part in report.parts if part.coverage] == ["3 of 3 of the default settings"] * 2
    assert [part.warnings for part in report.parts] == [(), ()]
    assert report.headline[0] == "1 experiment"
    assert {f.parent.name for f in write_report(report, "out") if f.suffix == ".svg"} == {"tiny-seed-2", "tiny-seed-10"}


def test_an_experiment_without_a_setting_seed_keeps_its_seeds_together(folder: Path, record: Recorder) -> None:
    source = folder / "experiments" / "tiny" / "experiment.py"
    source.write_text(source.read_text().replace('"seed": 0, ', "").replace('config["seed"]', "5"))
    record(1, seed=5)
    record(1, seed=6)
    (part,) = collect().parts
    assert part.title == "tiny" and part.provenance is not None and part.provenance.seeds == (5, 6)


def test_a_failing_part_is_shown_in_its_place(folder: Path, record: Recorder) -> None:
    record(1, result={})
    other = folder / "experiments" / "second"
    other.mkdir()
    (other / "experiment.py").write_text(TINY.replace('name = "tiny"', 'name = "second"'))
    Records(other / "records.jsonl").append(new_record("second", {"size": 1, "seed": 0, "label": "b"}, {"value": 1}, 1))
    code, out, err = run("--into", "out")
    assert code == 1
    assert "tiny: the figure could not be drawn: KeyError: 'no value of [1] in the folder'" in err
    assert "tiny: the summary could not be made: KeyError: 'value'" in err
    content = Path("out/report.html").read_text()
    loads_nothing(content)
    page = Page(content)
    assert [image["alt"] for image in page.of("img")] == ["second: values"]
    assert page.of("p").count({"class": "failure"}) == 4  # at the top, and in their place
    assert "out/figures/second/values.svg" in out


def test_damaged_records_are_shown_in_their_place(folder: Path, record: Recorder) -> None:
    record(1)
    file = folder / "experiments" / "tiny" / "records.jsonl"
    file.write_text(file.read_text() + "{}\n")
    report = collect()
    (failure,) = report.all_failures
    assert failure.startswith("tiny: the records could not be read: reading") and "line 2" in failure
    loads_nothing(page_of(report))
    assert "line 2" in markdown_of(report, "figures")


def test_where_records_are_looked_for(folder: Path, record: Recorder) -> None:
    def values(**given: Any) -> Sequence[tuple[str, int]]:
        return [(part.source, part.units) for part in collect(**given).parts]

    with pytest.raises(RecordError, match="none has records"):
        collect()
    with pytest.raises(RecordError, match=r"tiny: it has no records in results/tiny/records\.jsonl and "):
        collect(["tiny"])
    with pytest.raises(InputError, match="no experiment 'tniy'"):
        collect(["tniy"])
    with pytest.raises(InputError, match="it is no folder"):
        collect(source="absent")
    record(1)
    assert values() == [("experiments/tiny/records.jsonl", 1)]
    for size in (1, 2):
        record(size, into="results/tiny")
    assert values() == values(names=["tiny"]) == [("results/tiny/records.jsonl", 2)]
    record(3, into="elsewhere")
    assert values(source="elsewhere") == [("elsewhere/records.jsonl", 1)]
    assert values(source="results") == [("results/tiny/records.jsonl", 2)]
    (folder / "empty").mkdir()
    with pytest.raises(RecordError, match="none has records in empty"):
        collect(source="empty")


def test_verdicts_are_counted_and_the_decisive_comparison_shown(folder: Path, record: Recorder) -> None:
    record(1)

    def entry(outcome: str, expected: str, *held: bool | None) -> dict[str, Any]:
        rows = [[f"row {i}", "<1>", "<=", "2", holds] for i, holds in enumerate(held)]
        return {"outcome": outcome, "expected": expected, "size": "full", "note": "", "counterexample": None,
                "evidence": ["exact", "by hand"], "comparisons": rows}  # fmt: skip

    entries = {
        "a-claim": entry("holds", "holds", True, True),
        "b-claim": entry("violated", "holds", True, None, False, False),
        "c-claim": entry("inconclusive", "inconclusive", True, None, True),
    }
    (folder / "proofs_check").mkdir()
    file = folder / "proofs_check" / "verdicts.json"
    file.write_text(json.dumps(entries))
    report = collect()
    assert report.verdicts is not None
    assert [row.decisive for row in report.verdicts.rows] == [
        "row 1: <1> <= 2", "row 2: <1> <= 2", "row 1: <1> <= 2",
    ]  # fmt: skip
    counted = {"holds": 1, "inconclusive as expected": 1, "not as expected": 1}
    assert dict(report.verdicts.counts()) == counted
    page = Page(page_of(report))
    assert "3 claims: holds 1, inconclusive as expected 1, not as expected 1." in page.text
    assert "exact: by hand row 2: <1> <= 2" in page.text and report.all_failures == ()
    assert "| b-claim | violated, not as expected | holds | exact: by hand | row 2: &lt;1&gt; &lt;= 2 |" in markdown_of(
        report, "figures"
    )
    file.write_text("[]")
    code, _, err = run("--into", "out")
    assert code == 1 and "the verdicts could not be read" in err
    assert "the verdicts could not be read" in Page(Path("out/report.html").read_text()).text


def test_a_committed_experiment_and_the_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    report = collect(["needed-width"], source="experiments")
    assert report.all_failures == () and report.verdicts is not None and len(report.verdicts.rows) > 50
    (part,) = report.parts
    assert part.coverage is not None and part.coverage.short == "15/15" and part.coverage.differences == ()
    html = [file for file in write_report(report, tmp_path) if file.suffix == ".html"]
    content = html[0].read_text()
    loads_nothing(content)
    assert len(content) < 1_000_000 and str(ROOT) not in content
    assert "items per bit, least squares of the medians: 1.000" in Page(content).text


def test_nothing_is_written_where_that_cannot_be(folder: Path, record: Recorder) -> None:
    record(1)
    (folder / "taken").write_text("a file")
    with pytest.raises(RecordError, match="writing a report into taken"):
        write_report(collect(), "taken")
    assert (folder / "taken").read_text() == "a file"


@pytest.mark.parametrize("library", ["jinja2", "markdown_it"])
def test_a_missing_library_names_the_extra(
    library: str, folder: Path, record: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(1)
    report = collect()
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=r"pip install slt\[report\]"):
        write_report(report, "out")
    assert not Path("out").exists()


def test_summaries_are_taken_apart() -> None:
    table = ("| a | b |", "|:--|---|", "| 1 | 2 |")
    said = "\n".join(["", "one", "", "  two", "", *table, "| not a table |", "**strong** rest", "| a |", "three"])
    assert blocks_of(said) == (
        Lines(("one", "", "  two")),
        Table((*table, "| not a table |")),
        Caption("strong", " rest"),
        Lines(("| a |", "three")),
    )
    assert blocks_of("\n \n") == ()


@given(st.lists(st.sampled_from(["| a | b |", "|---|---|", "text", "  more", "**x**", "```", "", "****"]), max_size=9))
def test_no_line_of_a_summary_is_lost(lines: list[str]) -> None:
    again: list[str] = []
    for block in blocks_of("\n".join(lines)):
        again += [f"**{block.strong}**{block.rest}"] if isinstance(block, Caption) else block.lines
    assert [line for line in again if line.strip()] == [line for line in lines if line.strip()]


@pytest.mark.parametrize("line", ["```", "a `````` b", "~~~"])
def test_no_line_closes_the_fence_of_plain_text(line: str, folder: Path, record: Recorder) -> None:
    from markdown_it import MarkdownIt

    record(1)
    source = folder / "experiments" / "tiny" / "experiment.py"
    source.write_text(source.read_text().replace("first line", line))
    tokens = MarkdownIt("commonmark").parse(markdown_of(collect(), "figures"))
    assert [token.content for token in tokens if token.type == "fence"] == [f"{line}\n  2**-4 under it\n"]


def test_durations_and_sizes() -> None:
    told = [duration(seconds) for seconds in (0, 0.0421, 3.14159, 9.96, 59.9, 59.96, 3599.6, 7740)]
    assert told == ["0 s", "0.042 s", "3.1 s", "10 s", "60 s", "1 min 0 s", "1 h 0 min", "2 h 9 min"]
    assert [memory(size) for size in (None, 300 * 2**20, 3 * 2**29)] == ["not recorded", "300 MiB", "1.5 GiB"]


def test_a_report_is_a_value(record: Recorder) -> None:
    record(1)
    first, again = collect(), collect()
    assert isinstance(first, Report) and first == again
