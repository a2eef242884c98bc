"""A web server on this machine that misbehaves on request, and packages that lie there."""

import hashlib
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from asc_nas.core.errors import AscNasError
from data_prep.datasets.catalogue import Package

BODY = bytes(range(256)) * 1200  # 307,200 bytes: more than one chunk
NAME = "set.meta.zip"
Fault = Callable[["Exchange", bytes], None]


class Exchange(BaseHTTPRequestHandler):
    """One request and its answer; `site` is the server."""

    protocol_version = "HTTP/1.0"
    server: "Site"

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.server.requests.append((name, self.headers.get("Range")))
        faults = self.server.faults.get(name, [])
        answer = faults.pop(0) if faults else self.server.always.get(name, whole)
        with suppress(BrokenPipeError, ConnectionResetError):  # the client gave up
            answer(self, self.server.files[name])

    def log_message(self, *_: object) -> None:
        pass

    def offset(self) -> int:
        return int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])

    def head(self, status: int = 200, **headers: object) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), str(value))
        self.end_headers()

    def range_head(self, body: bytes) -> bytes:
        """Send the head for what was asked for, and return that part; b'' after a 416."""
        start = self.offset()
        if start >= len(body):
            self.head(416, Content_Range=f"bytes */{len(body)}")
            return b""
        rest = body[start:]
        if start:
            span = f"bytes {start}-{len(body) - 1}/{len(body)}"
            self.head(206, Content_Length=len(rest), Content_Range=span)
        else:
            self.head(200, Content_Length=len(rest))
        return rest

    def hang_up(self) -> None:
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def fall_silent(self) -> None:
        """Say nothing more."""
        self.wfile.flush()
        self.server.silent.set()
        self.server.closing.wait()


def whole(exchange: Exchange, body: bytes) -> None:
    exchange.wfile.write(exchange.range_head(body))


def cut_off(exchange: Exchange, body: bytes) -> None:
    """Send half of what was asked for."""
    rest = exchange.range_head(body)
    exchange.wfile.write(rest[: len(rest) // 2])
    exchange.hang_up()


def cut_off_without_range(exchange: Exchange, body: bytes) -> None:
    exchange.head(200, Content_Length=len(body))
    exchange.wfile.write(body[: len(body) // 2])
    exchange.hang_up()


def no_range(exchange: Exchange, body: bytes) -> None:
    exchange.head(200, Content_Length=len(body))
    exchange.wfile.write(body)


def no_length(exchange: Exchange, body: bytes) -> None:
    exchange.head(200)
    exchange.wfile.write(body)


def no_length_cut_off(exchange: Exchange, body: bytes) -> None:
    exchange.head(200)
    exchange.wfile.write(body[: len(body) // 2])


def chunked_cut_off(exchange: Exchange, body: bytes) -> None:
    exchange.protocol_version = "HTTP/1.1"
    exchange.head(200, Transfer_Encoding="chunked", Connection="close")
    exchange.wfile.write(b"%x\r\n" % len(body) + body[: len(body) // 2])
    exchange.hang_up()


def endless(exchange: Exchange, body: bytes) -> None:
    """No length and no end, until the client leaves."""
    exchange.head(200)
    while True:
        exchange.wfile.write(b"x" * (1 << 18))


def stall(exchange: Exchange, body: bytes) -> None:
    """Send half, then stay silent."""
    rest = exchange.range_head(body)
    exchange.wfile.write(rest[: len(rest) // 2])
    exchange.fall_silent()


def stall_without_range(exchange: Exchange, body: bytes) -> None:
    exchange.head(200, Content_Length=len(body))
    exchange.wfile.write(body[: len(body) // 2])
    exchange.fall_silent()


def silent(exchange: Exchange, body: bytes) -> None:
    exchange.fall_silent()


def slow(exchange: Exchange, body: bytes) -> None:
    rest = exchange.range_head(body)
    for start in range(0, len(rest), max(1, len(rest) // 8)):
        exchange.wfile.write(rest[start : start + max(1, len(rest) // 8)])
        exchange.wfile.flush()
        time.sleep(0.02)


def garbled(exchange: Exchange, body: bytes) -> None:
    """Send the right number of wrong bytes."""
    whole(exchange, bytes(byte ^ 1 for byte in body))


def wrong_range(exchange: Exchange, body: bytes) -> None:
    """Answer a request for a range with the file's beginning."""
    if not exchange.offset():
        return whole(exchange, body)
    span = f"bytes 0-{len(body) - 1}/{len(body)}"
    exchange.head(206, Content_Length=len(body), Content_Range=span)
    exchange.wfile.write(body)


def claims_a_terabyte(exchange: Exchange, body: bytes) -> None:
    exchange.head(200, Content_Length=10**15)
    exchange.wfile.write(body)


def status(code: int, **headers: object) -> Fault:
    return lambda exchange, body: exchange.head(code, **headers)


def moved(to: str) -> Fault:
    return lambda exchange, body: exchange.head(302, Location=to)


class Site(ThreadingHTTPServer):
    """Serves `files`; `faults` are used up one by one, then `always` holds, then all is well."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[Fault]] = {}
        self.always: dict[str, Fault] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.silent, self.closing = threading.Event(), threading.Event()

    def __enter__(self) -> "Site":
        # The interval is how long closing waits.
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


def package(site: Site, name: str = NAME, content: str = "meta", **changes: int | str) -> Package:
    """Return the catalogue's entry of a file of the site."""
    body = site.files[name]
    values = {"bytes": len(body), "md5": hashlib.md5(body).hexdigest()} | changes
    return Package(content, site.url(name), filename=name, **values)


def final_files(folder: Path) -> list[str]:
    return [p.name for p in folder.iterdir() if p.suffix != ".part" and not p.name.startswith(".")]


def is_right(folder: Path, name: str = NAME, body: bytes = BODY) -> bool:
    """Tell whether the file is there, and nothing else is left."""
    files = sorted(path.name for path in folder.iterdir())
    return (folder / name).read_bytes() == body and files == [".verified.json", name]


def sentence(error: pytest.ExceptionInfo[AscNasError]) -> str:
    """Return what an error says, which is whole sentences on one line."""
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text
    return text
