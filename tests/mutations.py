"""Ways to damage an audio file; each takes its bytes, a random generator and the suffix."""

import struct


def truncated(content, rng, suffix):
    return content[: rng.randrange(1, len(content))]


def cut_near_the_end(content, rng, suffix):
    return content[: -rng.randrange(1, 400)]


def flipped(content, rng, suffix):
    return _flip(content, rng, range(len(content)), rng.choice([1, 4, 40]))


def flipped_header(content, rng, suffix):
    return _flip(content, rng, range(min(64, len(content))), rng.choice([1, 3, 8]))


def _flip(content, rng, where, count):
    changed = bytearray(content)
    for _ in range(count):
        changed[rng.choice(where)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def wrong_header(content, rng, suffix):
    magics = [b"RIFF", b"fLaC", b"OggS", b"ID3\x04", b"\xff\xfb\x90\x00", b"FORM", b"\x89PNG"]
    other = rng.choice([magic for magic in magics if not content.startswith(magic[:2])])
    return other + content[len(other) :]


def overwritten(content, rng, suffix):
    """Replace a stretch by noise or by zeros, as a bad sector does."""
    size = rng.randrange(16, len(content) // 3)
    start = rng.randrange(0, len(content) - size)
    return (
        content[:start] + rng.choice([rng.randbytes(size), bytes(size)]) + content[start + size :]
    )


def cut_out(content, rng, suffix):
    size = rng.randrange(16, len(content) // 3)
    start = rng.randrange(0, len(content) - size)
    return content[:start] + content[start + size :]


def zero_frames(content, rng, suffix):
    """Keep the header alone."""
    if suffix == "wav":
        at = content.index(b"data")
        return content[: at + 4] + bytes(4)
    if suffix == "flac":
        return content[: content.index(b"\xff\xf8")]
    if suffix == "ogg":
        return b"".join(_ogg_pages(content)[:2])
    return content[: rng.choice([4, 10, 100])]


def huge_claim(content, rng, suffix):
    """Announce far more audio than there is."""
    if suffix == "wav":
        at = content.index(b"data") + 4
        size = rng.choice([len(content) * 3, 0x10000000, 0x7FFFFF00 - 2])
        return content[:at] + struct.pack("<I", size) + content[at + 4 :]
    if suffix == "flac":  # the last 36 bits before the MD5 sum are the number of samples
        changed = bytearray(content)
        changed[21] |= 0x0F
        changed[22:26] = b"\xff\xff\xff\xff"
        return bytes(changed)
    if suffix == "ogg":
        pages = _ogg_pages(content)
        last = bytearray(pages[-1])
        last[6:14] = struct.pack("<q", rng.choice([10**6, 10**9, 1 << 40]))
        last[22:26] = bytes(4)
        last[22:26] = struct.pack("<I", ogg_checksum(last))
        return b"".join(pages[:-1]) + bytes(last)
    at = max(content.find(b"Xing"), content.find(b"Info"))
    assert at > 0, "the MP3 file has no table of its own length"
    return content[: at + 8] + struct.pack(">I", 10**6) + content[at + 12 :]


def _ogg_pages(content):
    starts = []
    at = content.find(b"OggS")
    while at >= 0:
        starts.append(at)
        at = content.find(b"OggS", at + 4)
    return [content[a:b] for a, b in zip(starts, [*starts[1:], len(content)], strict=True)]


def ogg_checksum(page):
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)
        value &= 0xFFFFFFFF
    return value


COUNTS = {
    truncated: 8,
    cut_near_the_end: 3,
    flipped: 8,
    flipped_header: 6,
    wrong_header: 2,
    overwritten: 4,
    cut_out: 4,
    zero_frames: 1,
    huge_claim: 3,
}
"""How many files of each sound."""
