"""The document and the router say the same."""

from __future__ import annotations

import json

from jsonschema import Draft202012Validator

from edge_agent.config import HomeConfig, WebConfig
from edge_agent.web import routes
from edge_agent.web.api.acts import ACTS
from edge_agent.web.api.problems import Problem
from edge_agent.web.factory import create_site
from tests.edge_agent.web.api.programs import give_token, program, ready
from tests.edge_agent.web.house import House


async def document(house: House) -> dict[str, object]:
    """As a program reads it."""
    async with program(house, give_token(house)) as client:
        return (await client.get("/api/v1/openapi.json")).json()


async def test_document_and_router_name_the_same_acts(house: House) -> None:
    """No address is undocumented, and none is promised that is not there."""
    site = create_site(house.parts, web=WebConfig(), home=HomeConfig())
    served = {
        (method.lower(), route.path)
        for route in routes.build(site)
        if route.scope_needed is not None
        for method in (route.methods or set()) - {"HEAD"}
    }
    paths = (await document(house))["paths"]
    assert isinstance(paths, dict)
    assert {(method, path) for path, methods in paths.items() for method in methods} == served
    names = [each["operationId"] for methods in paths.values() for each in methods.values()]
    assert len(names) == len(set(names))


async def test_answers_are_what_the_document_says(house: House) -> None:
    """Every answer of a GET fits its schema; every reference leads somewhere."""
    told = await document(house)
    async with program(house, give_token(house)) as client:
        for act in ACTS:
            if act.method == "GET" and act.answer is not None:
                answer = (await client.get(ready(house, act.path))).json()
                schema = {"$ref": f"#/components/schemas/{act.answer.__name__}", "components": told["components"]}
                Draft202012Validator(schema).validate(answer)
        refused = (await client.get("/api/v1/items/none")).json()
    assert Problem.model_validate_json(json.dumps(refused)).code == "not_found"
