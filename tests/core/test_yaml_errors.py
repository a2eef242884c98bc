"""An error in YAML says where: in a config, and in a change to one."""

import pytest

from asc_nas.core.config import apply_overrides, read_yaml
from asc_nas.core.errors import UsageError


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"name: x\nsearch:\n\tpopulation: 8\n", r"line 3, column 1: not valid YAML \(found char"),
        (b"name: x\nkernels: [t3, f3\nseed: 1\n", r"line 3, column 5.*flow sequence in line 2"),
        (b"name: x\ndata: {folder: a\n", r"line 3, column 1: .*flow mapping in line 2"),
        (b"name: 'x\nseed: 1\n", r"line 3, column 1: .*quoted scalar in line 1"),
        (b"name: x\na: b: c\n", r"line 2, column 5: .*mapping values are not allowed"),
        (b"name: x\nseed: *one\n", r"line 2, column 7: .*undefined alias"),
        (b"name: x\nnote: a\x07\n", r"line 2, column 8: .*U\+0007"),
        (b"name: x\nnote: caf\xe9\n", r"line 2: not UTF-8 text \(byte 0xe9\)"),
        (b"\xef\xbb\xbfname: x\na: b: c\n", r"line 2, column 5"),
        (b"[" * 3000, "not valid YAML"),
    ],
)
def test_a_config_that_is_no_yaml_is_an_error_with_line_and_column(tmp_path, content, told):
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=rf"c\.yaml.*{told}") as error:
        read_yaml(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("space.kernels=[[t3, f3", r"--set space\.kernels=.*: its value, line 1, column 9: not va"),
        ("seed=\t1", r"--set seed=\t1: its value, line 1, column 1: "),
        ("name='x", r"line 1, column 3: .*end of stream"),
        ("data={folder: a: b}", r"line 1, column 1"),
    ],
)
def test_a_setting_that_is_no_yaml_is_an_error_with_the_column(assignment, told):
    with pytest.raises(UsageError, match=told):
        apply_overrides({}, [assignment])
