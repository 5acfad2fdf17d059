"""How much of the embedded model's throughput an evaluation keeps.

The same prompts, as many at a time, go to one process of the model through `Endpoint` and through a bare loop of httpx
that posts whole requests, reads whole answers and knows neither streams nor retries. Rounds alternate. The goal is
90 % of the bare loop.
"""

import asyncio
import itertools
import statistics
import time
from collections.abc import Sequence

import httpx
from rich.console import Console
from rich.table import Table

from evaluation.llm.client import Endpoint
from evaluation.llm.config import EndpointConfig
from evaluation.llm.embedded import EmbeddedServer
from evaluation.llm.values import Ask, Reply, Sampling

_REQUESTS, _TOKENS, _ROUNDS = 8, 32, 5
_CONCURRENCY = (1, 4)
_THINGS = ("scarf", "mug", "lantern", "clock", "cushion", "bunting")
_COLOURS = ("red", "blue", "white", "green")
_GOAL = 0.9


def main() -> None:
    """Print requests a second of both, and what is kept."""
    asks = [
        Ask.of(f"Describe a {colour} {thing} for an online shop.", Sampling(max_tokens=_TOKENS))
        for thing in _THINGS
        for colour in _COLOURS
    ][:_REQUESTS]
    table = Table("at a time", "bare loop, requests/s", "evaluation, requests/s", "kept", "goal")
    for concurrency in _CONCURRENCY:
        bare, ours = _rates(asks, concurrency)
        kept = statistics.median(mine / other for mine, other in zip(ours, bare, strict=True))
        told = (statistics.median(rates) for rates in (bare, ours))
        goal = "reached" if kept >= _GOAL else "missed"
        table.add_row(
            str(concurrency), *(f"{rate:.2f}" for rate in told), f"{kept:.1%}", f"{_GOAL:.0%} {goal}"
        )
    Console(width=100).print(table)


def _rates(asks: list[Ask], concurrency: int) -> tuple[list[float], list[float]]:
    """Requests a second, a value a round, of the bare loop and of ours."""
    bare, ours = [], []
    with Endpoint(EndpointConfig(concurrency=concurrency, context=512)) as endpoint:
        # Imports, start and the prompts' first way into the slots belong to no round.
        endpoint.ask_now(asks)
        servers = endpoint.servers
        for number in range(_ROUNDS):
            for of_ours in (number % 2 == 0, number % 2 == 1):
                began = time.perf_counter()
                texts = (
                    _evaluated(endpoint, asks)
                    if of_ours
                    else asyncio.run(_posted(servers, asks, concurrency))
                )
                assert len(texts) == len(asks)
                (ours if of_ours else bare).append(len(asks) / (time.perf_counter() - began))
    return bare, ours


def _evaluated(endpoint: Endpoint, asks: list[Ask]) -> list[str]:
    return [result.text for result in endpoint.ask_now(asks) if isinstance(result, Reply)]


async def _posted(servers: Sequence[EmbeddedServer], asks: list[Ask], concurrency: int) -> list[str]:
    """The whole load, posted by as many workers as there are places, to each process by its share of them."""
    waiting = iter(asks)
    texts = []

    async def work(client: httpx.AsyncClient, server: EmbeddedServer) -> None:
        headers = {"authorization": f"Bearer {server.api_key()}"}
        for ask in waiting:
            body = {
                "model": "m",
                "messages": [
                    {"role": str(message.role), "content": message.text} for message in ask.messages
                ],
                "temperature": ask.sampling.temperature,
                "max_tokens": ask.sampling.max_tokens,
            }
            answer = await client.post(f"{server.url}/chat/completions", json=body, headers=headers)
            texts.append(answer.raise_for_status().json()["choices"][0]["message"]["content"])

    # As in ours: the server may end a connection that is used again just as the next request comes.
    async with httpx.AsyncClient(headers={"connection": "close"}, timeout=600, trust_env=False) as client:
        await asyncio.gather(
            *(
                work(client, server)
                for server, _ in zip(itertools.cycle(servers), range(concurrency), strict=False)
            )
        )
    return texts


if __name__ == "__main__":
    main()
