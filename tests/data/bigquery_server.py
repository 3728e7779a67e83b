"""A small server that speaks what BigQuery's own client asks: jobs, and the rows of their results.

https://cloud.google.com/bigquery/docs/reference/rest/v2
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FIELDS = [("id", "INTEGER"), ("carrier", "STRING"), ("day", "DATE"), ("late", "BOOLEAN")]
ROWS = [["9007199254740993", "UA", "2026-11-01", "true"], [None, None, None, None]]


class BigQueryServer:
    """Answers every query that holds ``FROM flights`` with `ROWS`, and refuses any other."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                job = body["configuration"]["query"]
                asked.append(job)
                if "FROM flights" not in job["query"]:
                    message = "Syntax error: Unexpected identifier at [1:1]"
                    self._answer({"error": {"code": 400, "message": message}}, 400)
                    return
                table = {"projectId": "p", "datasetId": "d", "tableId": "t"}
                self._answer(
                    {
                        "jobReference": body["jobReference"] | {"location": "EU"},
                        "status": {"state": "DONE"},
                        "configuration": {
                            "jobType": "QUERY", "query": {**job, "destinationTable": table},
                        },
                    }
                )  # fmt: skip

            def do_GET(self) -> None:
                fields = [{"name": n, "type": t, "mode": "NULLABLE"} for n, t in FIELDS]
                rows = [{"f": [{"v": value} for value in row]} for row in ROWS]
                job = self.path.partition("/queries/")[2].partition("?")[0]
                self._answer(
                    {
                        "jobReference": {"projectId": "p", "jobId": job, "location": "EU"},
                        "jobComplete": True,
                        "schema": {"fields": fields},
                        "totalRows": str(len(rows)),
                        "rows": rows,
                    }
                )

            def log_message(self, *_: Any) -> None:
                pass

            def _answer(self, told: dict[str, Any], status: int = 200) -> None:
                content = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.uri = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
