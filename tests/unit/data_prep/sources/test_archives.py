# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Archives are known by their content, and one that is cut or damaged is refused."""

import gzip
import tarfile

import pytest

from data_prep.errors import InputError
from data_prep.sources.files import open_files
from data_prep.sources.tar import TarFiles


def a_tar(folder, build, count=3):
    with tarfile.open(folder / "images.tar", "w") as archive:
        for number in range(count):
            (folder / f"{number}.png").write_bytes(build.picture(seed=number))
            archive.add(folder / f"{number}.png", f"images/{number}.png")
    return folder / "images.tar"


def test_a_tar_is_one_whatever_its_name_is(build, tmp_path):
    tar = a_tar(tmp_path, build)
    tar.rename(tmp_path / "images.zip")
    assert open_files(tmp_path / "images.zip").read("images/1.png") == build.picture(seed=1)


def test_every_cut_of_a_tar_is_noticed(build, tmp_path):
    tar = a_tar(tmp_path, build)
    whole = tar.read_bytes()
    assert len(TarFiles(tar).names()) == 3
    with tarfile.open(tar) as archive:
        last = archive.getmember("images/2.png")
    end = last.offset_data + last.size
    end += -end % 512
    for length in {*range(512, end, 512), end, end + 512, end - 100, 700}:
        tar.write_bytes(whole[:length])
        with pytest.raises(InputError, match="tar"):
            TarFiles(tar)
    tar.write_bytes(whole[: end + 1024])
    assert len(TarFiles(tar).names()) == 3


def test_a_tar_damaged_in_the_middle_is_noticed(build, tmp_path):
    tar = a_tar(tmp_path, build)
    content = bytearray(tar.read_bytes())
    with tarfile.open(tar) as archive:
        begin = archive.getmember("images/1.png").offset
    content[begin : begin + 512] = b"\xff" * 512
    tar.write_bytes(content)
    with pytest.raises(InputError, match=r"ends too early|bad checksum"):
        TarFiles(tar)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.tar.gz", gzip.compress(b"x" * 2000, mtime=0), "packed with gzip; unpack it"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c", "packed with 7z; unpack it"),
        ("a.rar", b"Rar!\x1a\x07", "packed with rar; unpack it"),
        ("page.zip", b"<html>404</html>", "download it again"),
        ("a.json", b"{}", "it is none; give the zip"),
    ],
)
def test_files_that_are_no_zip_say_what_they_are(tmp_path, name, content, text):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=text):
        open_files(tmp_path / name)
