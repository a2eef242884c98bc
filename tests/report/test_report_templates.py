import json

import pytest
from jinja2 import UndefinedError

from asc_nas.report.page import environment
from asc_nas.report.tables import Table


def rendered(template, **values):
    return environment().from_string(template).render(values)


def macro(name):
    return getattr(environment().get_template("macros.html").module, name)


def test_text_is_escaped_and_an_attribute_cannot_be_left():
    html = rendered('<p title="{{ text }}">{{ text }}</p>', text="\"'><b>&")
    assert html == '<p title="&#34;&#39;&gt;&lt;b&gt;&amp;">&#34;&#39;&gt;&lt;b&gt;&amp;</p>'


def test_a_table_escapes_text_wherever_it_stands():
    html = macro("table")(Table("<caption>", ("<a>", "<i>"), (("<b>", "<s>"),)))
    for text in ("caption", "a", "i", "b", "s"):
        assert f"<{text}>" not in html
        assert f"&lt;{text}&gt;" in html


def test_columns_of_numbers_are_marked_and_a_long_table_is_low():
    html = macro("table")(Table("Scores", ("Class", "F1", "Note"), (("a", 0.12345, "x"),) * 31))
    assert html.count('<th scope="col" class="number">') == 1
    assert '<td class="number">0.123</td>' in html
    assert '<div class="scroll tall" ' in html


def test_no_text_within_json_ends_its_script():
    value = {"label": "</script><!--&\u2028", "x": [1.5]}
    content = rendered("{{ value|tojson }}", value=value)
    assert not set("<>&\u2028") & set(content)
    assert json.loads(content) == value


def test_numbers_that_are_not_finite_are_null_in_json():
    values = [1.0, float("nan"), float("-inf"), "NaN"]
    assert rendered("{{ values|tojson }}", values=values) == '[1.0,null,null,"NaN"]'


def test_a_value_that_does_not_exist_is_an_error():
    with pytest.raises(UndefinedError):
        rendered("{{ report.nmae }}", report=Table("", (), ()))
