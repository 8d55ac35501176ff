"""The OpenAPI document, made of the table of acts and their models. Source: OpenAPI 3.1.1."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from edge_agent import __version__
from edge_agent.core.api_token import Scope
from edge_agent.web.api import problems
from edge_agent.web.api.call import Act
from edge_agent.web.rules import Rule

_REF = "#/components/schemas/{model}"
_WORDS = {
    Rule.SIGNED_IN: "Everybody of the household.",
    Rule.MEMBER: "Owners and members.",
    Rule.OWNER: "Owners.",
}
_SCOPES = {Scope.READ: "a token that may read", Scope.ANSWER: "a token that may answer"}

Json = dict[str, Any]


def document(acts: Sequence[Act], *, session_cookie: str) -> bytes:
    """The document as JSON."""
    paths: dict[str, Json] = {}
    for act in acts:
        paths.setdefault(act.path, {})[act.method.lower()] = _operation(act)
    return json.dumps(
        {
            "openapi": "3.1.1",
            "info": {
                "title": "Restock hub",
                "version": __version__,
                "description": "The acts of the household's pages for programs. A token acts for one person and never "
                "allows more than that person may. Amounts of money are in minor units of their currency.",
            },
            "paths": paths,
            "components": {
                "schemas": _schemas(acts),
                "securitySchemes": {
                    "token": {"type": "http", "scheme": "bearer", "description": "Made by an owner, on the page."},
                    "page": {"type": "apiKey", "in": "cookie", "name": session_cookie},
                },
            },
        },
        ensure_ascii=False,
    ).encode()


def operation_id(act: Act) -> str:
    """`get_items_item_why`: one name for each act."""
    return re.sub(r"[^a-z0-9]+", "_", f"{act.method} {act.path.removeprefix('/api/v1')}".lower()).strip("_")


def _operation(act: Act) -> Json:
    operation: Json = {
        "operationId": operation_id(act),
        "summary": act.summary,
        "description": f"{_WORDS[act.rule]} Needs {_SCOPES[act.scope]}.",
        "security": _security(act),
        "responses": {
            "200": {"description": act.summary, "content": {act.media: _schema_of(act.answer)}},
            "default": {
                "description": "What happened, where, and what to do",
                "content": {problems.MEDIA: _schema_of(problems.Problem)},
            },
        },
    }
    named = re.findall(r"{(\w+)}", act.path)
    if named:
        operation["parameters"] = [_parameter(name) for name in named]
    if act.path.endswith("/sent"):
        before = {"name": "before", "in": "query", "schema": {"type": "integer", "minimum": 0}}
        operation["parameters"] = [before]
    if act.body is not None:
        is_needed = any(field.is_required() for field in act.body.model_fields.values())
        operation["requestBody"] = {"required": is_needed, "content": {"application/json": _schema_of(act.body)}}
    return operation


def _security(act: Act) -> list[Json]:
    ways: list[Json] = [{"token": []}]
    if act.takes_cookie:
        ways.append({"page": []})
    if act.answers_locally:
        ways.append({})
    return ways


def _parameter(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}}


def _schema_of(model: type[BaseModel] | None) -> Json:
    return {} if model is None else {"schema": {"$ref": _REF.format(model=model.__name__)}}


def _schemas(acts: Sequence[Act]) -> Json:
    bodies = {act.body for act in acts if act.body is not None}
    answers = {act.answer for act in acts if act.answer is not None} | {problems.Problem}
    wanted = [(model, "validation") for model in bodies] + [(model, "serialization") for model in answers]
    wanted.sort(key=lambda pair: pair[0].__name__)
    _, told = models_json_schema(wanted, ref_template=_REF)  # type: ignore[arg-type]
    schemas: Json = told["$defs"]
    return schemas
