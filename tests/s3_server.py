"""A real S3 server on loopback (moto's), which counts what is asked of it and can be cut off."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

KEY = "AKIATESTTESTTESTTEST"
SECRET = "s3cret/with+signs4321"
BUCKET = "shared"

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class S3Server:
    """Answers one request at a time, so that a conditional write is atomic, as Amazon's is."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Silent(WSGIRequestHandler):
            def log(self, *_: Any, **__: Any) -> None: ...

        self._app: App = DomainDispatcherApplication(create_backend_app)
        self.requests: Counter[str] = Counter()
        self.sent_bytes = 0
        self.refuse: Callable[[str, str], bool] = lambda _method, _path: False
        self._server = make_server("127.0.0.1", 0, self, threaded=False, request_handler=Silent)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.requests[method] += 1
        if method == "PUT":
            self.sent_bytes += int(environ.get("CONTENT_LENGTH") or 0)
        if self.refuse(method, path):
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [b"<Error><Code>AccessDenied</Code><Message>not today</Message></Error>"]
        return self._app(environ, start_response)

    def reset(self) -> None:
        """Count from zero."""
        self.requests.clear()
        self.sent_bytes = 0

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def client(self) -> Any:
        """Return boto's own client."""
        import boto3

        return boto3.client(
            "s3", endpoint_url=self.endpoint, aws_access_key_id=KEY,
            aws_secret_access_key=SECRET, region_name="us-east-1",
        )  # fmt: skip


@contextlib.contextmanager
def s3_server() -> Iterator[S3Server]:
    """Start a server with one bucket; its address and keys are in the environment meanwhile."""
    server = S3Server()
    given = {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    _forget_clients()
    try:
        server.client().create_bucket(Bucket=BUCKET)
        yield server
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        _forget_clients()
        server.close()


def _forget_clients() -> None:
    """Let no client that knows this server's address be taken for that of the next one."""
    s3fs = sys.modules.get("s3fs")
    if s3fs is not None:
        s3fs.S3FileSystem.clear_instance_cache()
