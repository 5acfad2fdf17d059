"""What training never saw is found, and what the policy says is done."""

from datetime import UTC, datetime

import pytest

from evaluation.errors import UserError
from mlops.packaging.load import InputField
from mlops.packaging.ranges import FieldRange, Ranges
from mlops.serving.errors import Rejected

NAN = float("nan")

FOUND = [
    ({}, ()),
    ({"age": 18}, ()),
    ({"age": 90}, ()),
    ({"age": 17}, ("age:below",)),
    ({"age": 91}, ("age:above",)),
    ({"age": 10**400}, ("age:above",)),
    ({"age": -(10**400)}, ("age:below",)),
    ({"age": True}, ("age:below",)),
    ({"income": None}, ()),
    ({"income": NAN}, ()),
    ({"income": float("inf")}, ("income:above",)),
    ({"income": float("-inf")}, ("income:below",)),
    ({"income": -0.0}, ("income:below",)),
    # 0.1 and 0.9 as the nearest of single precision are 0.100000001 and 0.899999976.
    ({"share": 0.1}, ()),
    ({"share": 0.9}, ()),
    ({"share": 0.899999976}, ()),
    ({"share": 0.91}, ("share:above",)),
    ({"share": None}, ("share:missing",)),
    ({"share": NAN}, ("share:missing",)),
    ({"job": "nurse"}, ()),
    ({"job": "Nurse"}, ("job:unseen",)),
    ({"job": ""}, ("job:unseen",)),
    ({"job": None}, ("job:missing",)),
    ({"town": "Hof"}, ()),
    ({"town": "Rom"}, ("town:unseen",)),
    ({"town": "\ud800"}, ("town:unseen",)),
    ({"town": None}, ()),
    ({"note": "never seen before"}, ()),
    ({"member": False}, ()),
    ({"since": datetime(2126, 1, 1, tzinfo=UTC)}, ()),
    ({"age": 17, "share": None, "job": "pilot"}, ("age:below", "share:missing", "job:unseen")),
]


@pytest.mark.parametrize("copies", [1, 40], ids=["rows", "columns"])
@pytest.mark.parametrize(("values", "flags"), FOUND)
def test_by_default_what_training_never_saw_is_told_and_nothing_changed(guards, row, values, flags, copies):
    rows = [row()] * (copies // 2) + [row(**values)] + [row()] * (copies // 2)
    kept, found = guards().before(rows)
    assert all(mine is theirs or repr(mine) == repr(theirs) for mine, theirs in zip(kept, rows, strict=True))
    assert found[copies // 2] == flags
    assert set(found[: copies // 2] + found[copies // 2 + 1 :]) <= {()}


@pytest.mark.parametrize("copies", [1, 40], ids=["rows", "columns"])
@pytest.mark.parametrize(
    ("values", "becomes"),
    [
        ({"age": 17}, {"age": 18}),
        ({"age": 91}, {"age": 90}),
        ({"age": 10**400}, {"age": 90}),
        ({"income": float("inf")}, {"income": 1e6}),
        ({"income": -3}, {"income": 0.5}),
        ({"income": 2500.0}, {"income": 2500.0}),
        ({"income": None}, {"income": None}),
    ],
)
def test_clip_gives_the_nearest_that_training_saw(guards, row, values, becomes, copies):
    kept, _ = guards({"out_of_range": "clip"}).before([row(**values)] * copies)
    # As text, so that a whole number stays one.
    assert repr(kept) == repr([row(**becomes)] * copies)


def test_among_many_rows_each_keeps_its_place(guards, row):
    rows = [row(age=500 if number % 700 == 3 else 30 + number % 7) for number in range(2500)]
    kept, flags = guards({"out_of_range": "clip"}).before(rows)
    assert [number for number, found in enumerate(flags) if found] == [3, 703, 1403, 2103]
    assert [values[0] for values in kept] == [90 if values[0] == 500 else values[0] for values in rows]
    with pytest.raises(Rejected) as refused:
        guards({"out_of_range": "reject"}).before(rows)
    assert [item.field for item in refused.value.fields] == [f"records.{n}.age" for n in (3, 703, 1403, 2103)]


def test_bounds_of_the_policy_come_before_those_of_training(guards, row):
    config = {"fields": {"age": {"out_of_range": "clip", "low": 20.5, "high": 40.5}, "income": {"low": 1000}}}
    kept, flags = guards(config).before([row(age=19), row(age=41), row(income=900.0), row(income=2e6)])
    assert [values[0] for values in kept] == [21, 40, 30, 30]
    assert flags == [("age:below",), ("age:above",), ("income:below",), ("income:above",)]


@pytest.mark.parametrize(
    ("kind", "values", "field"),
    [
        ("out_of_range", {"age": 17}, "age"),
        ("unseen_category", {"job": "secret"}, "job"),
        ("unseen_category", {"town": "secret"}, "town"),
        ("missing", {"share": None}, "share"),
    ],
)
def test_reject_names_the_field_and_never_the_value(guards, row, kind, values, field):
    with pytest.raises(Rejected) as refused:
        guards({kind: "reject"}).before([row(), row(**values)])
    assert refused.value.status == 422
    assert [item.field for item in refused.value.fields] == [f"records.1.{field}"]
    assert "secret" not in str(refused.value.fields) + refused.value.detail
    assert "17" not in str(refused.value.fields) + refused.value.detail


def test_a_field_may_differ_from_the_section(guards, row, all_off):
    config = all_off | {"fields": {"job": {"unseen_category": "flag"}, "age": {"low": 50}}}
    assert guards(config).before([row(age=1, job="pilot", share=None)])[1] == [("job:unseen",)]
    config = {"out_of_range": "reject", "fields": {"age": {"out_of_range": "ignore"}}}
    assert guards(config).before([row(age=1)])[1] == [()]


def test_without_guards_nothing_is_looked_at(guards, row, all_off):
    off = guards(all_off)
    assert not off.active
    assert off.before([row(age=1)]) == ([row(age=1)], [()])
    assert guards().active


def test_a_field_that_was_missing_in_training_may_be_missing(guards):
    fields = (InputField("age", "long", False), InputField("name", "long", True))
    seen = Ranges({"age": FieldRange(0.001, 1, 9), "name": FieldRange(0.0, 1, 9)})
    assert guards(fields=fields, seen=seen).before([(None, None)])[1] == [()]


def test_a_field_that_training_tells_nothing_about_has_no_guard(guards, row):
    assert not guards(seen=Ranges({})).active


def test_at_most_twenty_flags_a_row(guards):
    names = [f"f{number}" for number in range(30)]
    fields = tuple(InputField(name, "long", True) for name in names)
    seen = Ranges(dict.fromkeys(names, FieldRange(0.0, 0, 1)))
    [flags] = guards(fields=fields, seen=seen).before([(5,) * 30])[1]
    assert flags == tuple(f"{name}:above" for name in names[:20])
    with pytest.raises(Rejected) as refused:
        guards({"out_of_range": "reject"}, fields=fields, seen=seen).before([(5,) * 30])
    assert len(refused.value.fields) == 20


def test_what_is_found_is_counted_by_field_kind_and_action(guards, row):
    told = []
    counted = guards({"missing": "reject"}, count=lambda *what: told.append(what))
    counted.before([row(age=1), row(age=2), row(job="x")])
    with pytest.raises(Rejected):
        counted.before([row(age=1, share=None)])
    assert told == [
        ("age", "below", "flag", 2),
        ("job", "unseen", "flag", 1),
        ("age", "below", "flag", 1),
        ("share", "missing", "reject", 1),
    ]


@pytest.mark.parametrize(
    ("own", "found"),
    [
        ({"aeg": {}}, "names 'aeg'"),
        ({"age": {"low": 95}}, "no value of 'age' is between 95 and 90"),
        ({"age": {"low": 20.1, "high": 20.9}}, "between 21 and 20"),
        ({"job": {"low": 1}}, "job sets out_of_range"),
        ({"job": {"out_of_range": "flag"}}, "job sets out_of_range"),
        ({"member": {"high": 1}}, "member sets out_of_range"),
        ({"age": {"unseen_category": "flag"}}, "age sets unseen_category"),
        ({"note": {"unseen_category": "reject"}}, "note sets unseen_category"),
        ({"age": {"text": {}}}, "age sets text"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused_at_the_start(guards, own, found):
    with pytest.raises(UserError, match=found):
        guards({"fields": own})


def test_what_is_asked_of_a_field_and_then_ignored_is_no_mistake(guards):
    guards({"fields": {"note": {"unseen_category": "ignore"}, "job": {"out_of_range": "ignore"}}})
