"""A real MLflow server on a real PostgreSQL, and a line to it that can be cut."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.free_port import free_port

START_SECONDS = 300.0


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's server programs; Debian keeps them off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    other = shutil.which("postgres")
    if found:
        return found[-1].parent
    return Path(other).resolve().parent if other else None


@contextlib.contextmanager
def postgres(programs: Path) -> Iterator[str]:
    """Start PostgreSQL on a socket in a folder of its own, and give the URI of a database."""
    # a short path: that of a socket may have 107 characters
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        drop = _as_unprivileged(folder)
        data = f"{folder}/data"
        subprocess.run(
            [*drop, programs / "initdb", "-D", data, "-U", "mlops", "-A", "trust",
             "-E", "UTF8", "--no-sync"],
            check=True, capture_output=True, cwd=folder,
        )  # fmt: skip
        with Path(folder, "log").open("wb") as log:
            started = subprocess.Popen(
                [*drop, programs / "postgres", "-D", data, "-k", folder, "-h", "", "-F"],
                stdout=log, stderr=log, cwd=folder,
            )  # fmt: skip
        try:
            _wait_for_database(folder, started)
            # the driver is named: SQLAlchemy 2.1 takes another one by default
            yield f"postgresql+psycopg2://mlops:s3cret-word@/postgres?host={folder}"
        finally:
            started.send_signal(signal.SIGINT)
            started.wait(timeout=240)


def _as_unprivileged(folder: str) -> list[str]:
    """Return what to put before a command: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    name = next(n for n in ("postgres", "nobody") if n in {u.pw_name for u in pwd.getpwall()})
    user = pwd.getpwnam(name)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _wait_for_database(folder: str, started: subprocess.Popen[bytes]) -> None:
    import psycopg2

    deadline = time.monotonic() + START_SECONDS
    while True:
        assert started.poll() is None, Path(folder, "log").read_text()
        try:
            psycopg2.connect(host=folder, user="mlops", dbname="postgres").close()
        except psycopg2.OperationalError:
            assert time.monotonic() < deadline, Path(folder, "log").read_text()
            time.sleep(0.05)
        else:
            return


class MlflowServer:
    """``mlflow server``, which can be stopped and started again on the same port."""

    def __init__(self, database: str, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._database = database
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [
            sys.executable, "-m", "mlflow", "server", "--backend-store-uri", self._database,
            "--artifacts-destination", str(self.folder / "artifacts"), "--host", "127.0.0.1",
            "--port", str(self.port), "--workers", "1",
        ]  # fmt: skip
        environment = dict(os.environ, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.1)

    def stop(self) -> None:
        """Kill it and all its workers."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """Return what it has said."""
        return (self.folder / "server.log").read_text(errors="replace")[-4000:]

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=30) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


class Line:
    """A way to a server that can be cut at any moment: a TCP proxy on a port of its own."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        self._answers_left: int | None = None
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, after_answers: int = 0) -> None:
        """Let so many answers of the server through, and nothing from then on."""
        with self._lock:
            self._answers_left = after_answers
        if not after_answers:
            self._drop()

    def mend(self) -> None:
        """Let all through again."""
        with self._lock:
            self._answers_left = None

    def close(self) -> None:
        """End it."""
        self._listener.close()
        self._drop()

    def _drop(self) -> None:
        with self._lock:
            ends, self._open = self._open, set()
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            if self._answers_left == 0:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self._target))
            with self._lock:
                self._open |= {client, server}
            for source, sink, is_answer in ((client, server, False), (server, client, True)):
                threading.Thread(
                    target=self._pump, args=(source, sink, is_answer), daemon=True
                ).start()

    def _pump(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 16):
                # the server has done what it was asked, and its answer is lost
                if is_answer and not self._may_answer():
                    self._drop()
                    return
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)

    def _may_answer(self) -> bool:
        with self._lock:
            if self._answers_left is None:
                return True
            self._answers_left = max(0, self._answers_left - 1)
            return self._answers_left > 0
