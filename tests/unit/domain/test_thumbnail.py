"""What counts as a small picture, by its own bytes, and when a newer one is news."""

import struct
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from armchair.domain.session import Wanted
from armchair.domain.thumbnail import MOST_BYTES, Format, recognise, seen, version
from armchair.testing.clock import START
from armchair.testing.pictures import jpeg, png, webp
from armchair.testing.samples import some_outcome, some_session

MAKERS = {
    "png": (png, Format.PNG),
    "jpeg": (jpeg, Format.JPEG),
    "progressive jpeg": (lambda w, h: jpeg(w, h, 0xC2), Format.JPEG),
    "lossy webp": (webp, Format.WEBP),
    "lossless webp": (lambda w, h: webp(w, h, "VP8L"), Format.WEBP),
    "extended webp": (lambda w, h: webp(w, h, "VP8X"), Format.WEBP),
}


@pytest.mark.parametrize("name", MAKERS)
def test_small_pictures_are_recognised_and_large_ones_are_not(name) -> None:
    make, expected = MAKERS[name]
    for width, height in ((1, 1), (320, 200), (640, 640), (1, 640)):
        assert recognise(make(width, height)) is expected, (width, height)
    for width, height in ((641, 1), (1, 641), (16_383, 16_383)):
        assert recognise(make(width, height)) is None, (width, height)


@pytest.mark.parametrize("name", ["png", "jpeg", "lossy webp"])
def test_a_side_without_length_is_no_picture(name) -> None:
    make, _ = MAKERS[name]
    assert recognise(make(0, 10)) is None
    assert recognise(make(10, 0)) is None


@pytest.mark.parametrize("name", MAKERS)
def test_a_head_that_breaks_off_is_no_picture(name) -> None:
    whole, expected = MAKERS[name][0](320, 200), MAKERS[name][1]
    found = [recognise(whole[:length]) for length in range(len(whole) + 1)]
    assert found[0] is None
    assert found[-1] is expected
    assert found == sorted(found, key=lambda one: one is not None), "recognised from some byte on"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html>",
        b"GIF89a\x01\x00\x01\x00",
        b"\xff\xd8\xff\xda\x00\x02",
        b"\xff\xd8\xff\xe0\x00\x00" * 9000,
        b"\xff\xd8" + b"\xff" * 60_000,
        b"RIFF\x00\x00\x00\x00WAVE" + b"\x00" * 40,
        b" " + png(10, 10),
        png(10, 10) + b"\x00" * MOST_BYTES,
        webp(10, 10, "VP8X", moving=True),
        png(10, 10, moving=True),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_anything_else_is_none(body) -> None:
    assert recognise(body) is None


@pytest.mark.parametrize("marker", [0x00, 0x01, 0xD0, 0xD7, 0xD8, 0xD9, 0xF0, 0xFD])
def test_a_frame_behind_a_marker_without_a_length_is_not_passed_over(marker) -> None:
    # decoders go on behind the marker and find the large frame; whoever takes what follows for a length finds the small one
    large, small = jpeg(16_000, 16_000)[2:], jpeg(16, 16)[2:]
    assert recognise(b"\xff\xd8\xff" + bytes([marker]) + struct.pack(">H", len(large) + 2) + large + small) is None


@given(
    st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", b"RIFF....WEBPVP8"]),
    st.binary(max_size=200),
)
def test_no_bytes_break_it(head, rest) -> None:
    assert recognise(head + rest) in {None, *Format}


def ready():
    record = some_session()
    return replace(record, runs=(replace(record.run, ready_at=START),))


def test_it_is_news_each_minute_only() -> None:
    first, events = seen(ready(), START)
    assert (first.session.thumbnail_at, events) == (START, [])
    assert seen(first, START + timedelta(seconds=49)) == (first, [])
    later = START + timedelta(seconds=59)
    assert seen(first, later)[0].session.thumbnail_at == later


def test_after_the_end_it_is_no_news() -> None:
    for record in (some_session(), some_session(wanted=Wanted.STOP)):
        assert seen(record, START) == (record, [])


def test_each_picture_and_the_end_have_a_version_of_their_own() -> None:
    record = ready()
    assert version(record) == ""
    first = seen(record, START)[0]
    second = seen(first, START + timedelta(minutes=1))[0]
    over = replace(second, runs=(replace(second.run, outcome=some_outcome()),))
    assert len({version(one) for one in (record, first, second, over)}) == 4
