"""What each candidate changes, under which name, and how it reads as YAML."""

import pytest
import yaml

from evaluation.errors import UserError
from mlops.compare.candidates import candidates, merged, require_compare
from mlops.config import load_policy

TWO = {"candidates": {"plain": {}, "facts": {"prompt": "facts.txt"}}}


@pytest.mark.parametrize(
    ("base", "patch", "together"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, {"a": 2, "b": 3}, {"a": 2, "b": 3}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}}, {"a": {"b": 1, "c": 3}}),
        ({"a": {"b": 1}}, {"a": 5}, {"a": 5}),
        ({"a": 5}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        (
            {"endpoint": {"url": "https://one/v1", "model": "m", "key": "ONE_KEY"}},
            {"endpoint": {"url": "https://two/v1", "model": "n"}},
            {"endpoint": {"url": "https://two/v1", "model": "n"}},
        ),
        (
            {"endpoint": {"url": "https://one/v1", "model": "m", "key": "ONE_KEY"}},
            {"endpoint": {"model": "n"}},
            {"endpoint": {"url": "https://one/v1", "model": "n", "key": "ONE_KEY"}},
        ),
    ],
)
def test_changes_are_merged_key_by_key_but_for_another_address(base, patch, together):
    assert merged(base, patch) == together


def test_the_product_of_a_matrix_is_named_by_its_values(shop):
    project = shop(
        {
            **TWO,
            "matrix": {
                "prompt": ["plain.txt", "facts.txt"],
                "sampling": [{}, {"temperature": 0.7, "top_p": 0.9}],
            },
        }
    )
    found = candidates(project)
    assert [one.name for one in found] == [
        "plain",
        "facts",
        "plain, as it is",
        "plain, temperature=0.7 top_p=0.9",
        "facts, as it is",
        "facts, temperature=0.7 top_p=0.9",
    ]
    last = found[-1].policy.generate
    assert (last.prompt, last.sampling.temperature, last.endpoint.model) == ("facts.txt", 0.7, "m")


def test_the_section_to_copy_names_variables_and_not_what_they_hold(shop, monkeypatch):
    monkeypatch.setenv("LLM_URL", "https://secret.example/v1")
    project = shop(
        {"candidates": {"here": {}, "there": {"endpoint": {"url": "${LLM_URL}", "model": "n"}}}},
    )
    there = candidates(project)[1]
    assert there.policy.generate.endpoint.url == "https://secret.example/v1"
    assert there.policy.generate.endpoint.price is None
    section = yaml.safe_load(there.yaml)
    assert section == {"generate": {"prompt": "plain.txt", "endpoint": {"url": "${LLM_URL}", "model": "n"}}}
    assert "secret" not in str(there.patch)


def test_a_candidate_s_section_is_a_policy_s(shop, tmp_path):
    project = shop({"candidates": {"plain": {}, "warm": {"sampling": {"temperature": 0.7}}}})
    warm = candidates(project)[1]
    content = yaml.safe_load((tmp_path / "weighbridge.yaml").read_text()) | yaml.safe_load(warm.yaml)
    (tmp_path / "weighbridge.yaml").write_text(yaml.safe_dump(content))
    assert load_policy(tmp_path / "weighbridge.yaml").generate == warm.policy.generate


def test_a_chain_is_held_against_a_prompt_and_against_itself(shop):
    project = shop({"candidates": {"plain": {}, "code": {"chain": "mine:build"}}})
    plain, code = candidates(project)
    assert (plain.policy.generate.chain, code.policy.generate.prompt) == (None, None)
    assert yaml.safe_load(code.yaml) == {"generate": {"chain": "mine:build"}}
    short = {"generate": {"chain": "mine:build"}}
    project = shop(
        {"candidates": {"a": {"chain": {"params": {"k": 1}}}, "b": {"prompt": "plain.txt"}}}, **short
    )
    first, second = candidates(project)
    assert yaml.safe_load(first.yaml) == {
        "generate": {"chain": {"entrypoint": "mine:build", "params": {"k": 1}}}
    }
    assert (second.policy.generate.chain, second.policy.generate.prompt) == (None, "plain.txt")


def test_candidates_of_a_trained_model_change_its_params(lending):
    project = lending({"candidates": {"as it is": {}, "weak": {"strength": 0.01}}})
    weak = candidates(project)[1]
    assert weak.policy.train.params == {"strength": 0.01}
    assert yaml.safe_load(weak.yaml)["train"] == {
        "entrypoint": "train:train",
        "seed": 3,
        "params": {"strength": 0.01},
    }


@pytest.mark.parametrize(
    ("compare", "says"),
    [
        ({"candidates": {"one": {}}}, "1 candidates, where two to 50"),
        ({"matrix": {"prompt": ["a.txt"] * 51}}, "51 candidates"),
        ({"matrix": {"prompt": []}}, "at least 1 item"),
        ({**TWO, "error": 0.5}, "less than 0.5"),
        ({**TWO, "metric": "bleu"}, "unknown key 'compare.metric'"),
    ],
)
def test_a_section_that_cannot_be_compared_by_is_refused(shop, compare, says):
    with pytest.raises(UserError, match=says):
        shop(compare)


@pytest.mark.parametrize(
    ("compare", "says"),
    [
        ({"candidates": {"a": {}, "b": {"promt": "a.txt"}}}, "unknown key 'compare.candidates.b.promt'"),
        (
            {"candidates": {"a": {}, "b": {"sampling": {"temperature": 9}}}},
            "b.sampling.temperature: .* less than",
        ),
        ({"matrix": {"prompt": ["a.txt", "x/a.txt"]}}, "two candidates are named 'a'"),
    ],
)
def test_changes_that_make_no_section_are_refused_before_anything_is_asked(shop, stub, compare, says):
    with pytest.raises(UserError, match=says):
        candidates(shop(compare))
    assert stub.asked == 0


def test_a_policy_without_the_section_is_told_how_to_add_it(shop):
    project = shop(TWO)
    with pytest.raises(UserError, match="no section `compare`"):
        require_compare(project.policy.model_copy(update={"compare": None}))


def test_candidates_are_no_part_of_what_a_release_knows(shop):
    project = shop(TWO)
    assert project.policy.digest == project.policy.model_copy(update={"compare": None}).digest
