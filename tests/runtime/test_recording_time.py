"""The start of a recording, from chunks made by hand and from names; broken chunks say nothing."""

import struct
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asc_nas.runtime.recording_time import comment, recording_start, time_text

AUDIOMOTH = "Recorded at {} by AudioMoth 24F31901603710F8 at medium gain while battery was 4.2V."


def chunk(name, content, order="<"):
    return name + struct.pack(f"{order}I", len(content)) + content + bytes(len(content) % 2)


def wav(*chunks, form=b"RIFF", order="<"):
    samples = chunk(b"fmt ", struct.pack(f"{order}HHIIHH", 1, 1, 8000, 16000, 2, 16), order)
    body = b"WAVE" + samples + b"".join(chunks) + chunk(b"data", bytes(20), order)
    return form + struct.pack(f"{order}I", len(body)) + body


def info(text):
    return chunk(b"LIST", b"INFO" + chunk(b"IART", b"someone") + chunk(b"ICMT", text.encode()))


def guano(text):
    return chunk(b"guan", text.encode())


def bext(date, time, order="<"):
    return chunk(b"bext", bytes(320) + date.encode() + time.encode() + bytes(264), order)


def found(tmp_path, content, name="recording.wav"):
    (tmp_path / name).write_bytes(content)
    return time_text(recording_start(tmp_path / name))


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([info(AUDIOMOTH.format("05:45:00 31/01/2024 (UTC)"))], "2024-01-31T05:45:00+00:00"),
        ([info(AUDIOMOTH.format("05:45:00 31/01/2024"))], "2024-01-31T05:45:00+00:00"),
        ([info(AUDIOMOTH.format("05:45:00 31/01/2024 (UTC-3:30)"))], "2024-01-31T05:45:00-03:30"),
        ([info(AUDIOMOTH.format("05:45:00.250 31/01/2024 (UTC+2)"))],
         "2024-01-31T05:45:00.250+02:00"),
        ([info("Recorded at 05:45:00 31/01/2024")], "2024-01-31T05:45:00"),
        ([guano("GUANO|Version: 1.0\nTimestamp: 2017-02-27T14:02:41-06:00\nLoc: x")],
         "2017-02-27T14:02:41-06:00"),
        ([guano("Timestamp: 2017-02-27 14:02:41.5\r\n")], "2017-02-27T14:02:41.500"),
        ([guano("Timestamp:2017-02-27T14:02:41Z")], "2017-02-27T14:02:41+00:00"),
        ([bext("2009-12-31", "23:59:58")], "2009-12-31T23:59:58"),
        ([bext("2009_12_31", "23-59-58")], "2009-12-31T23:59:58"),
        ([bext("2009-12-31", "23:59:58"), guano("Timestamp: 2017-02-27T14:02:41")],
         "2017-02-27T14:02:41"),
        ([chunk(b"junk", b"odd"), bext("2009-12-31", "23:59:58")], "2009-12-31T23:59:58"),
        ([info(AUDIOMOTH.format("25:45:00 31/01/2024 (UTC)"))], ""),
        ([info(AUDIOMOTH.format("00:00:00 01/01/1970 (UTC)"))], ""),
        ([info(AUDIOMOTH.format("05:45:00 31/01/2024 (UTC+99)"))], ""),
        ([info(AUDIOMOTH.format("05:45:00 31/01/2024 (UTC+5:99)"))], ""),
        ([info("a song")], ""),
        ([guano("Timestamp: yesterday evening")], ""),
        ([guano("Timestamp: 2017-02-27")], ""),
        ([guano("Timestamp: 0001-01-01T00:00:00+14:00")], ""),
        ([bext("0000-00-00", "00:00:00")], ""),
        ([bext("", "")], ""),
        ([chunk(b"bext", b"short")], ""),
        ([], ""),
    ],
)  # fmt: skip
def test_metadata_tells_the_start(tmp_path, chunks, expected):
    assert found(tmp_path, wav(*chunks)) == expected


def test_chunks_behind_the_audio_and_of_long_files_are_read(tmp_path):
    behind = wav() + guano("Timestamp: 2017-02-27T14:02:41")
    assert found(tmp_path, behind) == "2017-02-27T14:02:41"
    sizes = chunk(b"ds64", struct.pack("<QQQI", 0, 20, 10, 0))
    long = b"RF64\xff\xff\xff\xffWAVE" + sizes + b"data\xff\xff\xff\xff" + bytes(20)
    assert found(tmp_path, long + guano("Timestamp: 2017-02-27T14:02:41")) == "2017-02-27T14:02:41"
    other = chunk(b"junk", bytes(10), ">") + bext("2009-12-31", "23:59:58", ">")
    assert found(tmp_path, wav(other, form=b"RIFX", order=">")) == "2009-12-31T23:59:58"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("20240131_054500.WAV", "2024-01-31T05:45:00+00:00"),
        ("20240131_054500T.WAV", "2024-01-31T05:45:00+00:00"),
        ("24F31901603710F8_20240131_054500.WAV", "2024-01-31T05:45:00+00:00"),
        ("65B9DC7C.WAV", "2024-01-31T05:37:00+00:00"),
        ("SM4_20240131_054500.wav", "2024-01-31T05:45:00"),
        ("2024-01-31_05-45-00.flac", "2024-01-31T05:45:00"),
        ("Grün 2024-01-31 05.45.00 (2).mp3", "2024-01-31T05:45:00"),
        ("20240131T054500+1000_REC.flac", "2024-01-31T05:45:00+10:00"),
        ("20240131T054500Z.wav", "2024-01-31T05:45:00+00:00"),
        ("20240131T054500+9900.wav", ""),
        ("20241331_054500.wav", ""),
        ("19700101_000000.wav", ""),
        ("120240131_054500.wav", ""),
        ("20240131.wav", ""),
        ("58692345.wav", ""),
        ("DEADBEEF.WAV", ""),
        ("1-17367-A-10.wav", ""),
        ("rain.wav", ""),
    ],
)
def test_names_tell_the_start(tmp_path, name, expected):
    assert found(tmp_path, wav(), name) == expected


def test_metadata_is_believed_before_the_name(tmp_path):
    content = wav(guano("Timestamp: 2017-02-27T14:02:41"))
    assert found(tmp_path, content, "20240131_054500.WAV") == "2017-02-27T14:02:41"


@pytest.mark.parametrize("zone", [None, UTC, timezone(-timedelta(hours=3, minutes=30))])
def test_the_comment_of_a_clip_is_read_again(tmp_path, zone):
    start = datetime(2024, 1, 31, 23, 59, 59, tzinfo=zone)
    content = wav(info(comment(start, 1.25)))
    assert found(tmp_path, content) == time_text(start, 1.25)
    assert time_text(start, 1.25).startswith("2024-02-01T00:00:00.250")


@given(
    st.lists(
        st.builds(
            lambda name, size, content: name + struct.pack("<I", size) + content,
            st.sampled_from([b"LIST", b"guan", b"bext", b"ds64", b"data", b"INFO", b"ICMT"]),
            st.integers(0, 2**32 - 1) | st.integers(0, 400),
            st.binary(max_size=400)
            | st.binary(max_size=60).map(lambda b: b"INFOICMT" + b)
            | st.text(max_size=40).map(lambda t: f"Timestamp: {t}".encode("utf-8", "replace"))
            | st.text("0123456789-:.TZ+ /", max_size=40).map(
                lambda t: b"Timestamp: 2024-01-31T" + t.encode()
            ),
        ),
        max_size=6,
    ),
    st.sampled_from([b"RIFF", b"RIFX", b"RF64", b"BW64"]),
)
def test_no_bytes_of_a_file_raise(tmp_path_factory, chunks, form):
    file = tmp_path_factory.getbasetemp() / "hostile.wav"
    file.write_bytes(form + b"\0\0\0\0WAVE" + b"".join(chunks))
    start = recording_start(file)
    assert start is None or time_text(start, 3600.5)


@given(
    st.sampled_from([b"guan", b"bext", b"LIST"]),
    st.binary(max_size=40),
    st.text("0123456789-:.TZ+/ ()UC", max_size=40).map(str.encode),
)
def test_no_content_of_a_chunk_raises(tmp_path_factory, name, odd, text):
    start = {
        b"guan": b"Timestamp: 2024-01-31T",
        b"bext": bytes(320),
        b"LIST": b"INFOICMT\x40\0\0\0Recorded at ",
    }[name]
    file = tmp_path_factory.getbasetemp() / "content.wav"
    for content in (start + text, start + odd, odd + start, start[:6] + odd):
        file.write_bytes(wav(chunk(name, content)))
        found = recording_start(file)
        assert found is None or time_text(found, 3600.5)


def test_a_size_beyond_every_file_ends_the_search(tmp_path):
    sizes = chunk(b"ds64", b"\xff" * 28)
    content = b"RF64\xff\xff\xff\xffWAVE" + sizes + b"data\xff\xff\xff\xff" + bytes(20)
    assert found(tmp_path, content) == ""


@given(st.binary(max_size=200))
def test_no_bytes_at_all_raise(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "random.wav"
    file.write_bytes(content)
    assert recording_start(file) is None


@given(st.text("0123456789ABCDEF_-TZ+. ", max_size=30))
def test_no_name_raises(tmp_path_factory, name):
    start = recording_start(tmp_path_factory.getbasetemp() / f"no such {name}.wav")
    assert start is None or time_text(start)


def test_what_is_no_file_says_nothing(tmp_path):
    assert recording_start(tmp_path) is None
    assert recording_start(tmp_path / "gone.wav") is None
