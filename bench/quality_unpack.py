"""Unpacks the images of an npz file (as MedMNIST publishes them) to folders of PNG files, one folder a part.

    python bench/quality_unpack.py pneumoniamnist.npz FOLDER
    ./dev bench quality --data FOLDER/train --holdout FOLDER/val --to 32

Every array named PART_images, of shape [n, height, width] or [n, height, width, 3] and type uint8, becomes
FOLDER/PART/00000.png and so on. Needs NumPy alone.
"""

import pathlib
import struct
import sys
import zlib

import numpy as np


def png(image):
    height, width = image.shape[:2]
    colour = 2 if image.ndim == 3 else 0

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.tobytes() for row in image)
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    target = pathlib.Path(sys.argv[2])
    with np.load(sys.argv[1], allow_pickle=False) as arrays:
        for name in arrays.files:
            images = arrays[name]
            if not name.endswith("_images") or images.dtype != np.uint8 or images.ndim not in (3, 4):
                continue
            folder = target / name.removesuffix("_images")
            folder.mkdir(parents=True, exist_ok=True)
            for i, image in enumerate(images):
                (folder / f"{i:05}.png").write_bytes(png(np.ascontiguousarray(image)))
            print(f"{folder}: {len(images)} images")


main()
