"""The OpenAPI document, with the schema and the example of the model that is served."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from mlops.serving.ids import uuid7
from mlops.serving.schemas import Schemas

_REF = "#/components/schemas/{model}"


def openapi(app: FastAPI, schemas: Schemas, example: Mapping[str, Any]) -> Callable[[], dict[str, Any]]:
    """Make FastAPI's `openapi` method: bodies are read by the handler, so their schemas are added here."""
    label = {"labels": [{"id": f"{uuid7()}-0", "label": 1}]}
    bodies: dict[str, tuple[type[BaseModel], dict[str, Any]]] = {
        "/v1/predict": (schemas.predict, {"records": [dict(example)]}),
        "/v1/feedback": (schemas.feedback, label),
    }

    def build() -> dict[str, Any]:
        if not app.openapi_schema:
            document = get_openapi(title=app.title, version=app.version, routes=app.routes)
            for path, (model, sample) in bodies.items():
                _add_body(document, path, model, sample)
            app.openapi_schema = document
        return app.openapi_schema

    return build


def _add_body(document: dict[str, Any], path: str, model: type[BaseModel], sample: dict[str, Any]) -> None:
    schema = model.model_json_schema(ref_template=_REF)
    components = document.setdefault("components", {}).setdefault("schemas", {})
    components.update(schema.pop("$defs", {}))
    components[model.__name__] = schema
    body = {"schema": {"$ref": _REF.format(model=model.__name__)}, "example": sample}
    document["paths"][path]["post"]["requestBody"] = {"required": True, "content": {"application/json": body}}
