"""The Python client against the application itself."""

import asyncio

import httpx
import pytest

from mlops.client import AsyncClient, Refused
from mlops.client.calls import TaskWorld
from mlops.serving.app import create_app
from monitoring.store.delta import DeltaRequestLog


def test_it_speaks_with_the_real_server(bundle, model, settings, good):
    app = create_app(bundle, model, DeltaRequestLog(settings.log_dir), settings)

    async def talk():
        async with app.router.lifespan_context(app):
            world = TaskWorld(transport=httpx.ASGITransport(app))
            async with AsyncClient("http://lane", world=world) as client:
                assert await client.ready()
                answer = await client.predict([good, good], ids=["a", "b"])
                with pytest.raises(Refused) as refused:
                    await client.predict([{**good, "age": "old"}])
                return answer, await client.feedback({"a": 1}), await client.model(), refused.value

    answer, accepted, about, refused = asyncio.run(talk())
    assert [row.id for row in answer.predictions] == ["a", "b"]
    assert (answer.version, accepted, about["model"]) == ("3", 1, "lending")
    assert refused.errors == (("records.0.age", "should be a whole number of 64 bits"),)
