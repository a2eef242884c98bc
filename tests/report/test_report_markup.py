import json

from asc_nas.report.markup import json_script, tag, text


def test_text_is_escaped_and_markup_is_not():
    assert tag("p", "a < b", tag("b", "&")) == "<p>a &lt; b<b>&amp;</b></p>"


def test_an_attribute_cannot_be_left():
    assert tag("p", title='"><script>') == '<p title="&quot;&gt;&lt;script&gt;"></p>'


def test_attributes_that_are_none_or_false_are_left_out():
    assert tag("p", class_=None, hidden=False) == "<p></p>"
    assert tag("p", hidden=True, aria_label="x") == '<p hidden aria-label="x"></p>'


def test_joined_text_is_escaped_once():
    assert text("<", tag("b", "<"), None) == "&lt;<b>&lt;</b>"


def test_no_text_within_json_ends_its_script():
    value = {"label": "</script><!--&\u2028", "x": [1.5]}
    script = json_script("plots", value)
    content = script.removeprefix('<script type="application/json" id="plots">')
    content = content.removesuffix("</script>")
    assert not set("<>&") & set(content)
    assert json.loads(content) == value
