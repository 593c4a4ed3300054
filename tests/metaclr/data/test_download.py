"""Downloads from a server of the test's own: progress kept, checksums, resuming, and one line for every failure."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner

from metaclr.cli.data import command
from metaclr.data.download import download
from metaclr.data.fetch import fetch
from metaclr.errors import UserError

CONTENT = bytes(range(256)) * 4000


class Handler(BaseHTTPRequestHandler):
    """Serves CONTENT; cuts the first answer to /cut short, and counts what it sent."""

    sent: ClassVar[list[int]] = []
    cut = True

    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        ranges = start > 0 and self.path != "/norange"
        body = CONTENT[start:] if ranges else CONTENT
        self.send_response(206 if ranges else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.path in ("/cut", "/norange") and Handler.cut:
            Handler.cut = False
            body = body[:300_000]
        Handler.sent.append(len(body))
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.sent, Handler.cut = [], True
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize(("path", "second"), [("/cut", len(CONTENT) - 300_000), ("/norange", len(CONTENT))])
def test_an_interrupted_download_resumes(path: str, second: int, server: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="300,000 bytes are kept, and the same command resumes"):
        download(server + path, tmp_path / "file", md5=MD5)
    assert not (tmp_path / "file").exists()
    download(server + path, tmp_path / "file", md5=MD5)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert Handler.sent == [300_000, second]
    download(server + path, tmp_path / "file", md5=MD5)  # whole: nothing is asked for
    assert len(Handler.sent) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_another_checksum_is_refused_and_removed(server: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"arrived with checksum {MD5}, not 0000"):
        download(server + "/file", tmp_path / "file", md5="0000")
    assert not list(tmp_path.iterdir())


def test_no_file_and_no_internet_are_one_line(server: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Not Found.*put the file into"):
        download(server + "/missing", tmp_path / "file")
    with pytest.raises(UserError, match="cannot be downloaded") as error:
        download("http://127.0.0.1:9/file", tmp_path / "file")
    assert "\n" not in str(error.value)


def test_get_by_name(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from metaclr.data.sets import medmnist

    monkeypatch.setattr(medmnist, "_URL", server + "/{name}.npz")
    with pytest.raises(UserError, match="arrived with checksum"):
        fetch("medmnist/pathmnist:test", tmp_path)
    (tmp_path / "medmnist" / "pathmnist.npz").write_bytes(b"x")
    said = CliRunner().invoke(command, ["get", "medmnist/pathmnist", "digits", "--data-root", str(tmp_path)])
    assert "medmnist/pathmnist: is here" in said.output
    assert "digits: is part of metaclr" in said.output
    with pytest.raises(UserError, match="mini_imagenet' is not downloaded by metaclr: put ImageNet's train folder"):
        fetch("mini_imagenet", tmp_path)
    with pytest.raises(UserError, match="did you mean"):
        fetch("minimagenet", tmp_path)


def test_torchvision_without_internet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision.datasets

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.datasets, "CIFAR100", refuse)
    with pytest.raises(UserError, match=r"'cifar100' cannot be downloaded .no route to host.; where there is internet"):
        fetch("cifar_fs", tmp_path)
