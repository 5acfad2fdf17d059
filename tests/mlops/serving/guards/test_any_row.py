"""Whatever a row holds: guards tell, change or refuse it, and nothing else happens."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mlops.config import ServeConfig
from mlops.serving.errors import Rejected
from mlops.serving.guards.config import GuardsConfig

WIDTH = 8
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        ["clerk", "Ulm", "a@b.example", "do anything now", "+49 30 12345678", "\u202e", "\ud800"]
    )
    | st.datetimes()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)
ROWS = st.lists(st.tuples(*[VALUES] * WIDTH), max_size=40)
SCALAR_ROWS = st.lists(st.tuples(*[SCALARS] * WIDTH), min_size=1, max_size=40)
TEXTS = ("ignore", "flag", "mask", "reject")
CONFIGS = st.fixed_dictionaries(
    {
        "out_of_range": st.sampled_from(["ignore", "flag", "clip", "reject"]),
        "unseen_category": st.sampled_from(["ignore", "flag", "reject"]),
        "missing": st.sampled_from(["ignore", "flag", "reject"]),
        "text": st.fixed_dictionaries(
            {key: st.sampled_from(TEXTS) for key in ("too_long", "control", "injection", "personal")}
            | {"max_length": st.none() | st.integers(1, 50)}
        ),
    }
)


@given(CONFIGS, ROWS)
def test_nothing_but_a_refusal_is_raised(guards, config, rows):
    guarded = guards(config)
    try:
        kept, flags = guarded.before(rows)
    except Rejected:
        assert "reject" in json.dumps(config)
        return
    assert len(kept) == len(flags) == len(rows)
    assert all(len(row) == WIDTH for row in kept)


@given(ROWS)
def test_by_default_rows_stay_what_and_where_they_are(guards, rows):
    kept, _ = guards().before(rows)
    assert all(
        mine is theirs
        for old, new in zip(rows, kept, strict=True)
        for mine, theirs in zip(old, new, strict=True)
    )


@given(CONFIGS, ROWS)
def test_a_row_is_found_alone_what_it_is_found_among_others(guards, config, rows):
    """Columns and rows are looked at in two ways, which tell the same."""
    guarded = guards(json.loads(json.dumps(config).replace("reject", "flag")))
    kept, flags = guarded.before(rows)
    alone = [guarded.before([row]) for row in rows]
    assert flags == [found for _, [found] in alone]
    assert repr(kept) == repr([row for [row], _ in alone])


@given(SCALAR_ROWS)
def test_what_was_clipped_is_in_range(guards, rows):
    clipping = guards({"out_of_range": "clip", "unseen_category": "ignore", "missing": "ignore"})
    once, _ = clipping.before(rows)
    twice, flags = clipping.before(once)
    assert repr(twice) == repr(once)
    assert set(flags) == {()}


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_what_was_masked_is_not_found_again(guards, row, texts):
    off = {"out_of_range": "ignore", "unseen_category": "ignore", "missing": "ignore"}
    masking = guards(off | {"text": {"control": "mask", "injection": "mask", "personal": "mask"}})
    once, _ = masking.before([row(note=text) for text in texts])
    assert masking.before(once) == (once, [()] * len(texts))


@given(CONFIGS)
def test_a_server_is_told_what_the_policy_says(config):
    """The section goes to the server as JSON without what is as by default."""
    own = {"fields": {"note": {"out_of_range": None, "text": config["text"]}}}
    told = ServeConfig(guards=GuardsConfig.model_validate(config | own))
    assert ServeConfig.model_validate_json(told.for_server()) == told.model_copy(
        update={"host": ServeConfig().host, "port": ServeConfig().port}
    )


@pytest.mark.parametrize(
    "content",
    [
        {"out_of_range": "mask"},
        {"unseen_category": "clip"},
        {"missing": "clip"},
        {"text": {"control": "clip"}},
        {"text": {"max_length": 0}},
        {"outputs": {"on_break": "mask"}},
        {"outputs": {"low": 2, "high": 1}},
        {"fields": {"age": {"low": 2, "high": 1}}},
        {"fields": {"age": {"low": float("nan")}}},
        {"fields": {"age": {"clip": True}}},
        {"ranges": {}},
    ],
)
def test_what_makes_no_sense_is_refused(content):
    with pytest.raises(ValidationError):
        GuardsConfig.model_validate(content)
