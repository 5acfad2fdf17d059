"""Load on a server: how much it takes, and how long it lets callers wait."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from evaluation.errors import EnvironmentProblem, ExitCode, UserError
from mlops.cli.context import Bar, console

if TYPE_CHECKING:
    from mlops.load.measure import Load, Measured
    from mlops.load.wire import Target

# A server has one of them.
_PREDICT, _GENERATE = "/v1/predict", "/v1/generate"
# What a body holds its rows under, and what else it may hold.
_FORMS: dict[str, tuple[type, str]] = {
    "records": (list, "ids"),
    "record": (dict, "id"),
    "columns": (dict, "ids"),
}


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(load)


def load(
    url: Annotated[str, typer.Argument(metavar="URL", help="The server, such as http://127.0.0.1:8000.")],
    *,
    clients: Annotated[int, typer.Option(min=1, max=10_000, help="Connections at once.")] = 32,
    seconds: Annotated[float, typer.Option(min=0.1, max=86_400, help="How long.")] = 10.0,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=1e6,
            metavar="PER_SECOND",
            help="Ask at this rate, whether answers come or not; latency then runs from the planned time of each "
            "request, so that a stall counts for all who would have come (no coordinated omission). "
            "Without it every client asks again as soon as it is answered.",
        ),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="JSON: a record, a list of them, or a whole body; else the server's example."
        ),
    ] = None,
    route: Annotated[
        Literal["/v1/predict", "/v1/generate"] | None,
        typer.Option(help="Where --record goes, /v1/predict unless said; the example goes where it belongs."),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.001, max=3600, help="Seconds for one answer.")] = 30.0,
    key: Annotated[
        str | None, typer.Option(envvar="WEIGHBRIDGE_API_KEY", show_default=False, help="An API key.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the result there as well.")
    ] = None,
) -> int:
    """Ask a server as fast as it answers, or at a rate, and tell requests per second and latency.

    Latencies are those of answers with 2xx. Exit code 0 when every request was answered so, 1 when one was not.
    """
    from mlops.load.measure import Load, measure
    from mlops.load.wire import Target

    target = Target.of(url)
    place, body = (route or _PREDICT, _from_file(record)) if record else _example(target, key)
    wanted = Load(clients, seconds, rate, timeout)
    with Bar("load") as tell:
        found = measure(target, target.post(place, json.dumps(body).encode(), key), wanted, tell)
    _show(f"{target.base}{place}", wanted, found, _rows(body))
    if json_file:
        json_file.write_text(json.dumps(to_json(wanted, found), allow_nan=False, indent=2) + "\n")
    return ExitCode.PASS if not found.failed and not found.unsent else ExitCode.FAIL


def to_json(load: "Load", found: "Measured") -> dict[str, Any]:
    """The result as JSON; times in milliseconds, null where nothing was answered."""
    return {
        "clients": load.clients,
        "seconds": found.seconds,
        "rate": load.rate,
        "answered": found.answered,
        "per_second": found.per_second,
        "failed": dict(found.failed),
        "unsent": found.unsent,
        "latency_ms": {**{f"p{share}": ms for share, ms in found.p_ms.items()}, "max": found.max_ms},
        "latency_from": "answer's request sent" if load.rate is None else "planned time",
    }


def _from_file(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no readable JSON", expected="a record, a list, or a body") from error
    if isinstance(content, dict) and any(
        isinstance(content.get(name), kind) and content.keys() <= {name, more}
        for name, (kind, more) in _FORMS.items()
    ):
        return content
    return {"records": content if isinstance(content, list) else [content]}


def _rows(body: dict[str, Any]) -> int:
    """How many rows a body asks for."""
    if "columns" in body:
        return max((len(values) for values in body["columns"].values()), default=0)
    return len(body["records"]) if "records" in body else 1


def _example(target: "Target", key: str | None) -> tuple[str, dict[str, Any]]:
    """The record that the server's own documentation shows, and where it goes."""
    import httpx

    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    try:
        answer = httpx.get(f"{target.base}/openapi.json", headers=headers, timeout=10)
        paths = answer.json()["paths"]
        route = _GENERATE if _GENERATE in paths else _PREDICT
        content = paths[route]["post"]["requestBody"]["content"]
        found: dict[str, Any] = content["application/json"]["examples"]["many"]["value"]
        len(found["records"])
    except httpx.HTTPError as error:
        raise EnvironmentProblem(
            f"no answer from {target.base}: {type(error).__name__}",
            expected="a server that listens there",
            next_step="weighbridge deploy, or correct the address",
        ) from None
    except (ValueError, KeyError, TypeError):
        raise UserError(
            f"{target.base}/openapi.json has no example of a request (HTTP {answer.status_code})",
            expected="a Weighbridge server",
            next_step="weighbridge load URL --record FILE",
        ) from None
    return route, found


def _show(place: str, load: "Load", found: "Measured", records: int) -> None:
    out = console()
    how = f"{load.clients} clients" + (f", planned at {load.rate:g}/s" if load.rate else "")
    out.print(f"{place}: {how}, {found.seconds:.1f} s, {records} record(s) a request")
    out.print(f"  answered  {found.answered:,}, {found.per_second:,.1f} a second")
    if found.max_ms is not None:
        values = "  ".join(f"p{share} {ms:.2f}" for share, ms in found.p_ms.items())
        out.print(f"  latency   {values}  max {found.max_ms:.2f} ms")
    for name, count in found.failed.items():
        out.print(f"  failed    {count:,}: {name}")
    if found.unsent:
        out.print(
            f"  unsent    {found.unsent:,}: every client still waited; the latencies above are too good. "
            "Try more --clients or a lower --rate"
        )
