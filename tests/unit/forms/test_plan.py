"""From answers to a plan: every kind of field, every mistake, and that nothing else than InvalidInput ever comes out."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armchair.domain.application import Application, AppType, Plan, Size, Transport
from armchair.domain.errors import InvalidInput
from armchair.domain.forms.conditions import applies
from armchair.domain.forms.fields import Choice, Field, FieldType
from armchair.domain.forms.plan import check_title, plan
from armchair.domain.session import Resources

SMALL = Size(name="small", title="Small", resources=Resources(cores=1))
LARGE = Size(name="large", title="Large", resources=Resources(cores=4))
CHOICES = (Choice(value="lab", title="Lab"), Choice(value="classic", title="Classic"))


def field(name: str, kind: FieldType = FieldType.TEXT, **rest: Any) -> Field:
    return Field(name=name, type=kind, label=name, **rest)


def app(*fields: Field, **rest: Any) -> Application:
    return Application(
        name="demo", version="1", title="Demo", description="", category="", type=AppType.WEB, directory="/",
        sizes=(SMALL, LARGE), fields=fields, **rest,
    )  # fmt: skip


Mistakes = dict[str, tuple[str, dict[str, object]]]


def errors(application: Application, answers: dict[str, object], size: str = "", title: str = "") -> Mistakes:
    with pytest.raises(InvalidInput) as caught:
        plan(application, size, answers, title)
    return {error.field: (error.code, error.params) for error in caught.value.errors}


def one(kind: FieldType, answer: object, **rest: Any) -> Plan:
    return plan(app(field("f", kind, **rest)), "", {"f": answer}, "")


@pytest.mark.parametrize(
    ("kind", "answer", "value", "variable"),
    [
        (FieldType.TEXT, " $(x) 'ü\" ", " $(x) 'ü\" ", " $(x) 'ü\" "),
        (FieldType.INTEGER, "4", 4, "4"), (FieldType.INTEGER, 4.0, 4, "4"), (FieldType.NUMBER, "0.5", 0.5, "0.5"),
        (FieldType.NUMBER, 2, 2.0, "2"), (FieldType.BOOLEAN, "on", True, "true"), (FieldType.BOOLEAN, False, False, "false"),
        (FieldType.DURATION, "1:30:00", 5400, "5400"), (FieldType.DURATION, 5400, 5400, "5400"),
        (FieldType.MEMORY, "16G", 16 * 1024**3, str(16 * 1024**3)), (FieldType.CHOICE, "lab", "lab", "lab"),
    ],
)  # fmt: skip
def test_answers_become_values_and_variables(kind: FieldType, answer: object, value: object, variable: str) -> None:
    made = one(kind, answer, choices=CHOICES if kind is FieldType.CHOICE else ())
    assert made.answers == {"f": value}
    assert made.environment == {"ARMCHAIR_FIELD_F": variable}
    assert type(made.answers["f"]) is type(value)


@pytest.mark.parametrize(
    ("kind", "answer", "rest", "code", "params"),
    [
        (FieldType.TEXT, "", {"required": True}, "field_required", {}),
        (FieldType.TEXT, "abc", {"maximum": 2}, "field_too_long", {"maximum": "2"}),
        (FieldType.TEXT, "a", {"minimum": 2}, "field_too_short", {"minimum": "2"}),
        (FieldType.TEXT, "x" * 10_000, {}, "field_too_long", {"maximum": "1000"}),
        (FieldType.TEXT, "a\nb", {}, "field_has_control_characters", {}),
        (FieldType.TEXT, "a\0b", {}, "field_has_control_characters", {}),
        (FieldType.TEXT, "a\ud800b", {}, "field_has_control_characters", {}),
        (FieldType.TEXT, "abc", {"pattern": "[0-9]+"}, "field_bad_pattern", {"pattern": "[0-9]+", "help": ""}),
        (FieldType.TEXT, ["a"], {}, "field_not_a_text", {}),
        (FieldType.INTEGER, "x", {}, "field_not_a_whole_number", {"example": "4"}),
        (FieldType.INTEGER, "2.5", {}, "field_not_a_whole_number", {"example": "4"}),
        (FieldType.INTEGER, True, {}, "field_not_a_whole_number", {"example": "4"}),
        (FieldType.INTEGER, "0", {"minimum": 1}, "field_too_small", {"minimum": "1"}),
        pytest.param(FieldType.INTEGER, 10**5000, {}, "field_too_large", {"maximum": "9223372036854775807"}, id="immense"),
        (FieldType.INTEGER, "5", {"minimum": 1, "step": 2, "maximum": 4}, "field_too_large", {"maximum": "4"}),
        (FieldType.INTEGER, "4", {"minimum": 1, "step": 2}, "field_not_a_step", {"step": "2", "minimum": "1"}),
        (FieldType.NUMBER, "nan", {}, "field_not_a_number", {"example": "0.5"}),
        (FieldType.NUMBER, "1e999", {}, "field_not_a_number", {"example": "0.5"}),
        (FieldType.NUMBER, "0.35", {"step": 0.1}, "field_not_a_step", {"step": "0.1", "minimum": "0"}),
        (FieldType.CHOICE, "other", {"choices": CHOICES}, "field_bad_choice", {"allowed": ["lab", "classic"]}),
        pytest.param(
            FieldType.CHOICE, 10**5000, {"choices": CHOICES}, "field_bad_choice", {"allowed": ["lab", "classic"]}, id="huge"
        ),
        (FieldType.BOOLEAN, "maybe", {}, "field_not_a_boolean", {"allowed": ["true", "false"]}),
        (FieldType.DURATION, "1:30", {}, "field_bad_duration", {"example": "4h"}),
        (FieldType.DURATION, "5h", {"maximum": 14400}, "field_too_large", {"maximum": "4h"}),
        (FieldType.MEMORY, "16", {}, "field_bad_memory", {"example": "16 GB"}),
        (FieldType.MEMORY, "1 MB", {"minimum": 512 * 1024**2}, "field_too_small", {"minimum": "512 MB"}),
    ],
)  # fmt: skip
def test_mistakes(kind: FieldType, answer: object, rest: dict[str, Any], code: str, params: dict[str, object]) -> None:
    assert errors(app(field("f", kind, **rest)), {"f": answer}) == {"f": (code, params)}


def test_three_tenths_are_a_step_of_a_tenth() -> None:
    assert one(FieldType.NUMBER, "0.3", step=0.1).answers == {"f": 0.3}


def test_all_mistakes_are_told_at_once() -> None:
    application = app(field("cores", FieldType.INTEGER), field("name", required=True))
    found = errors(application, {"cores": "x", "coers": "2"}, size="huge", title="x" * 10_000)
    assert {name: code for name, (code, _) in found.items()} == {
        "size": "size_unknown", "title": "title_too_long", "cores": "field_not_a_whole_number", "name": "field_required",
        "coers": "field_unknown",
    }  # fmt: skip
    assert found["coers"][1] == {"suggestion": "cores"}
    assert found["size"][1] == {"allowed": ["small", "large"]}


def test_an_absent_answer_takes_the_default_and_a_blank_one_none() -> None:
    application = app(field("f", FieldType.INTEGER, default=3))
    assert plan(application, "", {}, "").answers == {"f": 3}
    blank = plan(application, "", {"f": ""}, "")
    assert blank.answers == {}
    assert blank.environment == {"ARMCHAIR_FIELD_F": ""}


def test_the_first_size_is_the_default() -> None:
    assert plan(app(), "", {}, "").size == "small"
    assert plan(app(), "large", {}, "").resources.cores == 4


def test_fields_that_do_not_apply_are_ignored() -> None:
    application = app(
        field("kind", FieldType.CHOICE, choices=CHOICES),
        field("depth", FieldType.INTEGER, required=True, show_when={"kind": ("lab",)}),
        field("deeper", required=True, show_when={"depth": ("2",)}),
    )
    hidden = plan(application, "", {"kind": "classic", "depth": "rubbish", "deeper": ""}, "")
    assert dict(hidden.answers) == {"kind": "classic"}
    assert set(hidden.environment) == {"ARMCHAIR_FIELD_KIND"}
    assert errors(application, {"kind": "lab", "depth": "2"})["deeper"][0] == "field_required"
    assert set(errors(application, {"kind": "lab", "depth": "x"})) == {"depth"}


def test_conditions_in_a_circle_hide_their_fields() -> None:
    circle = (field("a", show_when={"b": ("1",)}), field("b", show_when={"a": ("1",)}), field("c"))
    assert applies(circle, {"a": "1", "b": "1", "c": "1"}) == {"c"}


def test_conditions_hold_in_whatever_order_the_fields_stand() -> None:
    chain = (field("c", show_when={"b": ("1",)}), field("b", show_when={"a": ("1",)}), field("a"))
    assert applies(chain, {"a": "1", "b": "1", "c": "1"}) == {"a", "b", "c"}


def test_the_connection_can_be_an_answer() -> None:
    choices = tuple(Choice(value=one.value, title=one.value) for one in Transport)
    application = app(field("how", FieldType.CHOICE, choices=choices), transport_field="how", transport=Transport.TCP_ISOLATED)
    assert plan(application, "", {"how": "unix"}, "").transport is Transport.UNIX
    assert plan(application, "", {}, "").transport is Transport.TCP_ISOLATED


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ('  it\'s "mine" $(rm -rf ~) <b>ü</b> 🪑 ', 'it\'s "mine" $(rm -rf ~) <b>ü</b> 🪑'),
        ("two\r\nlines\tand\0more", "two lines and more"),
        ("\n\n", ""),
        ("a\ud800b", "a b"),
        ("good\u202edab\u2066x", "good dab x"),
        ("\u0633\u0644\u0627\u0645\u200f \u05e9", "\u0633\u0644\u0627\u0645\u200f \u05e9"),
    ],
)
def test_titles(title: str, kept: str) -> None:
    assert check_title(title) == kept


def test_a_title_of_ten_kilobytes_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        check_title("x" * 10_000)
    assert [(error.field, error.code, error.params) for error in caught.value.errors] == [
        ("title", "title_too_long", {"maximum": 200})
    ]


def test_an_empty_title_is_the_application_s() -> None:
    assert plan(app(), "", {}, "  ").title == "Demo"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["4h", "16G", "lab", "3", "0.5", "true"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
EVERYTHING = app(
    field("text", minimum=1, maximum=20, pattern="[^x]*"),
    field("integer", FieldType.INTEGER, minimum=-5, maximum=10, step=3),
    field("number", FieldType.NUMBER, step=0.25),
    field("choice", FieldType.CHOICE, choices=CHOICES),
    field("boolean", FieldType.BOOLEAN),
    field("duration", FieldType.DURATION, step=60),
    field("memory", FieldType.MEMORY),
    field("hidden", required=True, show_when={"boolean": ("true",), "choice": ("lab",)}),
    transport_field="choice",
)
NAMES = st.sampled_from([one.name for one in EVERYTHING.fields]) | st.text()


@given(size=st.sampled_from(["", "small"]) | st.text(), answers=st.dictionaries(NAMES, JSON, max_size=9), title=st.text())
def test_whatever_comes_in_a_plan_or_invalid_input_comes_out(size: str, answers: dict[str, object], title: str) -> None:
    try:
        made = plan(EVERYTHING, size, answers, title)
    except InvalidInput:
        return
    for name, value in made.environment.items():
        assert "\0" not in name + value
        (name + value).encode()
    assert plan(EVERYTHING, size, made.answers, made.title).answers == made.answers
    assert json.loads(json.dumps(dict(made.answers))) == made.answers
