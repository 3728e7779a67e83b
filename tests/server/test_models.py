"""Deciding on a model through a real server, with a real MLflow behind it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPResponse
from traitlets.config import Config

from mlops_jupyter.models import registry
from mlops_jupyter.project import Project
from mlops_jupyter.promotion import history
from mlops_jupyter.promotion.recording import record
from tests.models.training import keep_run
from tests.promotion.passed import judged
from tests.promotion.training import good_model
from tests.server.readers_only import ReadersOnly

AROUND = {"path": "flights/a.ipynb"}


@pytest.fixture
def post(jp_fetch: Any) -> Any:
    """Send something to a route; also answers that are errors are returned."""

    async def send(*route: str, **body: Any) -> HTTPResponse:
        content = body.get("body") or json.dumps(body)
        try:
            return await jp_fetch(
                "mlops", "api", *route, method="POST", body=content, params=AROUND
            )
        except HTTPClientError as error:
            return error.response

    return send


def said(answer: HTTPResponse) -> Any:
    return json.loads(answer.body)


@pytest.fixture
def late(flights: Project) -> Project:
    """A project with three versions of the model `late`."""
    for _ in range(3):
        registry.register(flights, "late", keep_run(flights, good_model()))
    return flights


async def summary(ask: Any) -> Any:
    (model,) = said(await ask("models", **AROUND))["models"]
    return model


async def test_approved_promoted_and_rolled_back(ask: Any, post: Any, late: Project) -> None:
    for version, champion in ((1, None), (2, 1)):
        decision = judged(late, version, champion)
        waits = (await summary(ask))["waiting"]
        assert (waits["decision"], waits["needed"], waits["ready"]) == (decision.id, 1, False)
        too_early = await post("models", "late", "promote", decision=decision.id)
        assert said(too_early)["decision"] is None
        assert said(too_early)["waiting"]["needed"] == 1
        yes = await post("models", "late", "approve", decision=decision.id, comment="<b>fine</b>")
        assert (yes.code, said(yes)["kind"], said(yes)["reason"]) == (
            200, "approve", "<b>fine</b>",
        )  # fmt: skip
        again = await post("models", "late", "approve", decision=decision.id)
        assert (again.code, "has approved" in said(again)["message"]) == (400, True)
        done = await post("models", "late", "promote", decision=decision.id)
        assert done.code == 200, done.body
        assert (said(done)["decision"]["state"], registry.champion(late, "late")) == (
            "applied", version,
        )  # fmt: skip
    # somebody has seen another champion, another target: nothing is moved
    for champion, to in ((3, 1), (2, 3), (None, 1)):
        refused = await post("models", "late", "rollback", champion=champion, to=to)
        assert (refused.code, "is now v2" in said(refused)["message"]) == (409, True)
    assert (await summary(ask))["rollback_to"] == 1
    back = await post("models", "late", "rollback", champion=2, to=1, reason="complaints")
    assert (back.code, said(back)["reason"], registry.champion(late, "late")) == (
        200, "complaints", 1,
    )  # fmt: skip
    twice = await post("models", "late", "rollback", champion=2, to=1)
    assert twice.code == 400  # there is nothing before v1


async def test_only_the_reports_that_are_shown_are_sent(ask: Any, flights: Project) -> None:
    older, newest = judged(flights, 1, None), judged(flights, 2, None)
    decisions = (await summary(ask))["decisions"]
    assert [(made["id"], made["report"] is None) for made in decisions] == [
        (newest.id, False), (older.id, True),
    ]  # fmt: skip


async def test_nobody_agrees_to_what_they_have_not_seen(post: Any, late: Project) -> None:
    seen = judged(late, 2, None)
    newer = judged(late, 3, None)
    for verb in ("approve", "promote"):
        answer = await post("models", "late", verb, decision=seen.id)
        assert (answer.code, "v3 waits" in said(answer)["message"]) == (409, True)
        for other in (newer.id[:4], "", newer.digest):
            assert (await post("models", "late", verb, decision=other)).code == 409
    registry.move_alias(late, "late", 1)  # by hand, in MLflow
    for verb in ("approve", "promote"):
        answer = await post("models", "late", verb, decision=newer.id)
        assert (answer.code, "the champion" in said(answer)["message"]) == (409, True)
    assert registry.champion(late, "late") == 1


async def test_not_ones_own(post: Any, late: Project) -> None:
    mine = record.new(late, None, "hold", "applied", model="late", from_version=None,
                      to_version=1, reason="").actor  # fmt: skip
    decision = judged(late, 1, None, who=mine)
    answer = await post("models", "late", "approve", decision=decision.id)
    assert (answer.code, "somebody else has to" in said(answer)["message"]) == (400, True)


VERBS = ("approve", "promote", "rollback")


GARBAGE = ("{", "[]", "\xff", '{"decision": 7, "to": "x"}', "{}", '{"decision": ' + "[" * 5000)


@pytest.mark.parametrize("verb", VERBS)
async def test_garbage_decides_nothing(post: Any, flights: Project, verb: str) -> None:
    for body in GARBAGE:
        answer = await post("models", "late", verb, body=body)
        assert answer.code == 400
        assert said(answer)["message"].startswith("not a")


HOSTILE = ("lat", "..", "%2e%2e%2f..", "' OR 1=1 --", "<img>", "\x00", "é" * 200, "x" * 5000)


@pytest.mark.parametrize("verb", VERBS)
async def test_no_such_model(post: Any, flights: Project, verb: str) -> None:
    for model in HOSTILE:
        answer = await post("models", model, verb, decision="d", champion=2, to=1)
        assert answer.code == 404


async def test_following_a_link_decides_nothing(ask: Any, flights: Project) -> None:
    for verb in VERBS:
        assert (await ask("models", "late", verb, **AROUND)).code == 405


async def test_not_without_a_token(jp_fetch: Any, flights: Project) -> None:
    nobody = {"Authorization": ""}
    for verb in VERBS:
        route = f"mlops/api/models/late/{verb}"
        with pytest.raises(HTTPClientError) as refused:
            await jp_fetch(route, method="POST", body="{}", params=AROUND, headers=nobody)
        assert refused.value.code == 403


class TestWhoMayOnlyRead:
    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config) -> Config:
        jp_server_config.ServerApp.authorizer_class = ReadersOnly
        return jp_server_config

    async def test_decides_nothing(self, post: Any, flights: Project) -> None:
        judged(flights, 1, None)
        for verb in VERBS:
            answer = await post("models", "late", verb, decision="d", champion=None, to=1)
            assert answer.code == 403
        assert len(history.decisions(flights, "late")) == 1
