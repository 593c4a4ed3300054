"""Watching a comparison: the state of its runs, its page while it runs, and the server that shows it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

import metaclr
from metaclr.comparison.folders.owner import owned
from metaclr.comparison.folders.run_states import comparison_state
from metaclr.comparison.live.live_report import LiveReport
from metaclr.comparison.live.serve_report import report_server
from metaclr.errors import UserError
from metaclr.results.store.inspections import read_pictures
from tests.metaclr.comparison import small


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("live") / "out"
    metaclr.compare(
        "glyphs", methods=["simclr", {"name": "protonet", "settings": {"support_views": "identity"}}],
        sources={"source": small.stripes(name="ours")}, targets={"target": small.stripes(6, 16, name="theirs")},
        out=out, device="cpu", quiet=True,
        overrides=[*small.SETTINGS, "train.log_every=2", "evaluate.low_label=false"],
    )  # fmt: skip
    return out


@pytest.fixture
def running(finished: Path, tmp_path: Path) -> Path:
    """The folder as it is in the middle: one control is finished, one method trains, one has failed."""
    folder = tmp_path / "out"
    keep, training, failed = "untrained-source-s0", "simclr-source-s0", "protonet-source-s0"
    for name in (
        "recipe.toml",
        *(
            path.relative_to(finished)
            for run in (keep, training, failed)
            for path in (finished / "runs" / run).iterdir()
        ),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((finished / name).read_bytes())
    for run in (training, failed):
        (folder / "runs" / run / "done.json").unlink()
        (folder / "runs" / run / "rows.csv").unlink()
    lines = (folder / "runs" / training / "curve.csv").read_text().splitlines()
    (folder / "runs" / training / "curve.csv").write_text("\n".join(lines[:3]) + "\n6,19")
    (folder / "runs" / failed / "error.txt").write_text("Traceback\nRuntimeError: <no memory>\n")
    return folder


def test_pictures_are_written_beside_the_results(finished: Path) -> None:
    pictures = read_pictures(finished)
    assert [sheet.methods for sheet in pictures.views] == [("simclr",), ("protonet",)]
    assert pictures.views[1].heads == ("image", *["support"] * 4, *["query"] * 4)
    plain = pictures.views[1].pixels
    assert (plain[:, 1] == plain[:, 0]).all()  # the identity: the support view is the image
    assert (plain[:, 5] != plain[:, 0]).any()
    target = pictures.targets["target"]
    assert target.class_names == tuple(f"theirs {i}" for i in range(6))
    page = (finished / "report.html").read_text()
    assert all(f'id="{part}"' in page for part in ("classes", "neighbors", "maps", "views", "training"))


def test_the_state_of_every_run(running: Path, finished: Path) -> None:
    state = comparison_state(running)
    assert {run.name: run.state for run in state.runs} == {
        "untrained-source-s0": "finished", "simclr-source-s0": "training", "protonet-source-s0": "failed",
    }  # fmt: skip
    assert (state.total, state.steps, state.working) == (4, 6, False)
    training = next(run for run in state.runs if run.state == "training")
    assert training.step == 4  # the cut line of step 6 is not read
    assert training.loss is not None
    assert next(run for run in state.runs if run.state == "failed").reason == "RuntimeError: <no memory>"
    with owned(running):
        assert comparison_state(running).working
    assert comparison_state(finished).is_finished


def test_the_page_shows_finished_runs_and_writes_nothing(running: Path) -> None:
    before = sorted(path.relative_to(running) for path in running.rglob("*"))
    page = LiveReport(running).page()
    assert sorted(path.relative_to(running) for path in running.rglob("*")) == before
    assert "1 of 4 runs finished" in page
    assert 'data-method="untrained" data-kind="control"' in page
    assert 'data-method="simclr"' not in page
    assert "RuntimeError: &lt;no memory&gt;" in page
    assert "run the same command again to resume" in page


def test_the_version_changes_when_a_run_finishes(running: Path, finished: Path) -> None:
    report = LiveReport(running)
    first = report.version(report.state())
    assert report.version(report.state()) == first
    for name in ("rows.csv", "done.json"):
        (running / "runs/simclr-source-s0" / name).write_bytes((finished / "runs/simclr-source-s0" / name).read_bytes())
    assert report.version(report.state()) != first
    assert 'data-method="simclr"' in report.page()


def test_a_finished_comparison_is_shown_as_it_was_written(finished: Path) -> None:
    page = LiveReport(finished).page()
    start, end = page.index("<style>\n#live"), page.index("</script>\n</div>") + len("</script>\n</div>")
    assert page[:start].rstrip() + page[end:] == (finished / "report.html").read_text()


def test_before_the_first_run_there_is_a_page(running: Path) -> None:
    (running / "runs/untrained-source-s0/done.json").unlink()
    assert "No run has finished yet" in LiveReport(running).page()


def test_a_folder_that_is_no_comparison(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no recipe\.toml"):
        LiveReport(tmp_path)


@pytest.fixture
def address(running: Path) -> Iterator[str]:
    with report_server(running) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


def test_the_server_gives_the_page_and_the_state(address: str, running: Path) -> None:
    with urlopen(address, timeout=20) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        assert "1 of 4 runs finished" in answer.read().decode()
    with urlopen(f"{address}/state", timeout=20) as answer:
        state = answer.read().decode()
        assert "step 4 of 6" in state
        assert "<html" not in state
    for path in ("/runs", "/../recipe.toml", "/recipe.toml"):
        with pytest.raises(HTTPError, match="404"):
            urlopen(address + path, timeout=20)
    for name in (running / "recipe.toml",):
        name.unlink()
    with pytest.raises(HTTPError, match="503"):
        urlopen(address, timeout=20)


def test_another_host_name_is_refused(address: str) -> None:
    with pytest.raises(HTTPError, match="403"):
        urlopen(Request(address, headers={"Host": "evil.example:80"}), timeout=20)


def test_the_server_listens_to_this_machine_only(running: Path) -> None:
    with report_server(running) as server:
        assert server.server_address[0] == "127.0.0.1"
        with pytest.raises(UserError, match="--port"):
            report_server(running, server.server_port)


def test_the_command_serves_until_it_is_interrupted(running: Path) -> None:
    command = [sys.executable, "-m", "metaclr", "report", str(running), "--serve", "--port", "0"]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job, and its children, ignore it
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
        assert found
        with urlopen(found[0], timeout=20) as answer:
            assert answer.status == 200
        process.send_signal(2)
        assert process.wait(20) == 0
    finally:
        process.kill()
