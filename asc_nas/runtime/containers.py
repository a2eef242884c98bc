"""What is not raw PCM, known by its first bytes."""

import io

from asc_nas.audio.mp3 import count_frames

HEAD_BYTES = 64
"""So many bytes tell most kinds."""
_FRAMES_BYTES = 4096
"""So many hold the three frames that tell MP3, AAC or MPEG-TS."""
_READABLE = {
    b"RIFF": "WAV",
    b"RIFX": "WAV",
    b"RF64": "RF64",
    b"BW64": "RF64",
    b"riff\x2e\x91\xcf\x11": "W64",
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b"FORM": "AIFF",
    b".snd": "AU",
    b"dns.": "AU",
    b"caff": "CAF",
    b"ID3": "MP3",
    b"NIST_1A": "SPHERE",
    b"Creative Voice": "VOC",
}
_OTHERS = {
    b"\x1a\x45\xdf\xa3": "WebM or Matroska",
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "WMA",
    b"#!AMR": "AMR",
    b"wvpk": "WavPack",
    b"MAC ": "Monkey's Audio",
    b"TTA1": "True Audio",
    b"DSD ": "DSD",
    b"FRM8": "DSD",
    b"FLV\x01": "FLV",
}
_TEXT = frozenset({9, 10, 13, *range(32, 127)})


def needs_more(head: bytes) -> bool:
    """Return whether more bytes are needed to say what begins with these."""
    return len(head) < HEAD_BYTES or (head[0] in b"\xffG" and len(head) < _FRAMES_BYTES)


def why_not_pcm(head: bytes) -> str:
    """Return what begins so, and what to do, as a sentence; empty of what may be PCM."""
    name = _name(head, _READABLE) or _name(head, _OTHERS)
    if head[4:8] == b"ftyp":
        name = "M4A or MP4"
    elif head.startswith(b"\xff"):
        name = "MP3" if _is_mp3(head) else "AAC" if _is_aac(head) else ""
    elif len(head) > 564 and all(head[place] == ord("G") for place in range(0, 565, 188)):
        name = "an MPEG stream"
    if name:
        file = "classify the file with 'asc-nas classify FILE', or "
        return (
            f"this is {name}, not raw PCM: {file if name in _KNOWN else ''}decode it, as with "
            "ffmpeg -i FILE -f s16le -ac 1 -ar RATE - | asc-nas listen - --rate RATE."
        )
    packed = head.startswith((b"\x1f\x8b\x08", b"PK\x03\x04"))
    if packed or (len(head) >= HEAD_BYTES and _TEXT.issuperset(head)):
        what = "a packed file" if packed else "text"
        return f"this is {what}, not raw PCM: check what is piped into it."
    return ""


_KNOWN = {"MP3", *_READABLE.values()}


def _name(head: bytes, names: dict[bytes, str]) -> str:
    return next((name for magic, name in names.items() if head.startswith(magic)), "")


def _is_mp3(head: bytes) -> bool:
    frames = count_frames(io.BytesIO(head))
    return frames is not None and frames.count + frames.announced >= 3


def _is_aac(head: bytes) -> bool:
    """Return whether three ADTS frames follow one another."""
    at = 0
    for _ in range(3):
        header = head[at : at + 6]
        if len(header) < 6 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
            return False
        at += (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return True
