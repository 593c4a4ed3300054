"""A small server of one page for this machine alone: the report of a comparison that runs."""

from __future__ import annotations

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

from metaclr.comparison.live.live_report import LiveReport, status_html
from metaclr.errors import UserError

HOST = "127.0.0.1"
_NAMES = ("127.0.0.1", "localhost")


def report_server(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server on 127.0.0.1 whose page is the report of `folder`; start it with `serve_forever`.

    Requests under any other name than localhost are refused, so that a web page elsewhere cannot read the results
    through the user's browser (DNS rebinding).

    Args:
        port: 0 takes a free one (`server_port`).

    Raises:
        UserError: not the folder of a comparison, or a port in use.
    """
    report, lock = LiveReport(folder), Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Host", "").split(":")[0] not in _NAMES:
                self.send_error(HTTPStatus.FORBIDDEN, "this server answers to localhost only")
                return
            if self.path == "/favicon.ico":
                self.send_response(HTTPStatus.NO_CONTENT)
                self.end_headers()
                return
            if self.path not in ("/", "/state"):
                self.send_error(HTTPStatus.NOT_FOUND)
                return
            try:
                with lock:
                    text = report.page() if self.path == "/" else _state(report)
            except (UserError, OSError) as error:  # a folder that was removed, a file that is being replaced
                self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, str(error).splitlines()[0])
                return
            content = text.encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name of the base class
            """Requests are not printed."""

    try:
        return ThreadingHTTPServer((HOST, port), Handler)
    except OSError as error:
        raise UserError(f"--port {port}: {error.strerror}; name another one, or 0 for a free one") from error


def _state(report: LiveReport) -> str:
    state = report.state()
    return status_html(state, report.version(state))
