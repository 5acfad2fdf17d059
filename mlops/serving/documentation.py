"""The OpenAPI document, with the schema and the example of the model that is served."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.routing import BaseRoute

from evaluation.types import Form as AnswerForm
from mlops.serving.access.config import AccessConfig
from mlops.serving.body import Form
from mlops.serving.described_door import add_door
from mlops.serving.handler import Handler
from mlops.serving.ids import uuid7

# A body's schema, and a sample of it.
Body = tuple[type[BaseModel], dict[str, Any]]
_REF = "#/components/schemas/{model}"


def openapi(
    app: FastAPI, handler: Handler, answers: Sequence[BaseRoute], access: AccessConfig
) -> Callable[[], dict[str, Any]]:
    """Make FastAPI's `openapi` method: bodies are read by the handler, so their schemas are added here.

    answers: routes that the application serves in another form.
    """

    def build() -> dict[str, Any]:
        bundle = handler.version.bundle
        # Another version may have taken over since it was made.
        if not app.openapi_schema or app.openapi_schema["info"]["version"] != bundle.version:
            schemas, example = handler.version.schemas, dict(handler.version.example)
            document = get_openapi(
                title=f"{bundle.model} {bundle.version}",
                version=bundle.version,
                routes=[*answers, *app.routes],
            )
            forms: dict[str, Body] = {
                "one": (schemas.one, {"record": example}),
                "many": (schemas.many, {"records": [example]}),
                "columns": (schemas.columns, {"columns": {name: [value] for name, value in example.items()}}),
            }
            if "/v1/generate" in document["paths"]:
                _add_body(document, "/v1/generate", forms)
            else:
                _add_body(document, "/v1/predict", forms)
                _add_arrow(document, "/v1/predict")
            truth = "a good answer" if bundle.task.form is AnswerForm.TEXT else 1
            label = {"labels": [{"id": f"{uuid7()}-0", "label": truth}]}
            _add_body(document, "/v1/feedback", {"labels": (schemas.feedback, label)})
            add_door(document, access)
            app.openapi_schema = document
        return app.openapi_schema

    return build


def _add_body(document: dict[str, Any], path: str, forms: Mapping[str, Body]) -> None:
    components = document.setdefault("components", {}).setdefault("schemas", {})
    references = []
    for model, _ in forms.values():
        schema = model.model_json_schema(ref_template=_REF)
        components.update(schema.pop("$defs", {}))
        components[model.__name__] = schema
        references.append({"$ref": _REF.format(model=model.__name__)})
    content: dict[str, Any] = {
        "schema": references[0] if len(references) == 1 else {"oneOf": references},
        "examples": {name: {"value": sample} for name, (_, sample) in forms.items()},
    }
    document["paths"][path]["post"]["requestBody"] = {
        "required": True,
        "content": {"application/json": content},
    }


def _add_arrow(document: dict[str, Any], path: str) -> None:
    """The same columns as an Apache Arrow IPC stream, and the answer as one."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    post = document["paths"][path]["post"]
    post["requestBody"]["content"][Form.ARROW.value] = binary
    post["responses"]["200"]["content"][Form.ARROW.value] = binary
