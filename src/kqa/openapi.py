"""The description of ``/ask`` for programs, in OpenAPI's form; what it says of an answer is what ``render`` writes."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from kqa.answer import MOST_QUOTES
from kqa.countries import countries
from kqa.question import LONGEST
from kqa.types import Gathering, Kind, Outcome

Schema = dict[str, Any]


def description() -> str:
    """Return the whole description as JSON; its addresses are relative to its own."""
    ask = {
        "operationId": "ask",
        "summary": "Answer one question by quoting sources, abstain, or refer to help",
        "description": "A question that is referred to help is answered even beyond the limits.",
        "requestBody": {"required": True, "content": _json({"$ref": "#/components/schemas/Question"})},
        "responses": {
            "200": {"description": "The answer", "content": _json({"$ref": "#/components/schemas/Answer"})},
            "400": _error("The question cannot be asked"),
            "401": {"description": "A name and a password are asked for, where the server wants them"},
            "403": _error("A page of another site asked"),
            "405": _error("Only POST asks"),
            "413": _error("The request is too large"),
            "429": _error("Too many questions of one client; also plain text, for too many wrong logins", retry=True),
            "500": _error("The question was not answered"),
            "503": _error("Too many questions at once; without Retry-After, an index that cannot answer", retry=True),
        },
    }
    whole = {
        "openapi": "3.1.0",
        "info": {"title": "kqa", "version": version("kqa"), "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "servers": [{"url": "."}],
        "paths": {"/ask": {"post": ask}},
        "components": {"schemas": _schemas()},
    }
    return json.dumps(whole, ensure_ascii=False)


def _schemas() -> dict[str, Schema]:
    text, number, whole = {"type": "string"}, {"type": "number"}, {"type": "integer", "minimum": 0}
    country, flag = {"enum": list(countries())}, {"type": "boolean"}
    citation, quotes = _refer("Citation"), {"type": "array", "items": _refer("Quote"), "maxItems": MOST_QUOTES}
    cited = {"type": "array", "items": _object(citation=citation, text=text)}
    two = {**cited, "minItems": 2, "maxItems": 2}
    lines = _object(country=country, name=text, number=text, how=text, urgent=flag)
    evidence = {"type": "object", "additionalProperties": _object(rank={"type": "integer", "minimum": 1}, score=number)}
    reference = _object(id=text, org=text, title=text, year={"type": "integer"}, evidence=text, locator=text)
    return {
        "Question": _question(country),
        "Answer": _object(
            question=text, outcome={"enum": [outcome.value for outcome in Outcome]},
            confidence={"type": "number", "minimum": 0, "maximum": 1}, notices=_list(_refer("Notice")), quotes=quotes,
            disagreements=_list(_refer("Disagreement")), unsupported=_list(text), manifest=text, follows=_or_null(text),
            gathered=_or_null(_object(what={"enum": [what.value for what in Gathering]}, quotes=cited)), closest=quotes,
        ),
        "Notice": _object(rule=text, text=text, lines=_list(lines)),
        "Quote": _object(
            rank={"type": "integer", "minimum": 1}, text=text, answer=_object(start=whole, end=whole, text=text),
            score=_or_null(number), evidence=evidence, citation=citation,
        ),
        "Disagreement": _object(topic=text, sides=two, better_supported={"enum": [0, 1]}, why=text),
        "Citation": _object(
            document=text, sha256={"type": "string", "pattern": "^[0-9a-f]{64}$"}, start=whole, end=whole,
            page=_or_null(whole), title=text, section=text, kind={"enum": [kind.value for kind in Kind]}, publisher=text,
            date=text, reviewed=flag, jurisdiction=text, url=_or_null(text), restates=_or_null(text),
            references=_list(reference),
        ),
        "Error": _object(error=text),
    }  # fmt: skip


def _question(country: Schema) -> Schema:
    """Return the schema of a request; what else it holds is not read."""
    history = {"type": "array", "items": {"type": "string"}, "default": [], "description": "earlier questions, oldest first"}
    first = {"anyOf": [country, {"type": "null"}], "description": "whose help lines come first"}
    question = {"type": "string", "minLength": 1, "maxLength": LONGEST}
    return {
        "type": "object",
        "properties": {"question": question, "history": history, "country": first},
        "required": ["question"],
    }


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _refer(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _error(words: str, *, retry: bool = False) -> Schema:
    headers = {"Retry-After": {"description": "in how many seconds to ask again", "schema": {"type": "integer"}}}
    return {"description": words, "content": _json(_refer("Error")), **({"headers": headers} if retry else {})}
