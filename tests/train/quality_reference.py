"""Sliced Wasserstein distance and MS-SSIM written a second time, in NumPy and double precision.

Reads images, patch corners and directions from a safetensors file; prints one figure a line:
the distances of the levels, finest first, then the MS-SSIM of each pair (a[i], b[i]).
"""

import sys

import numpy as np
from safetensors.numpy import load_file


def smooth(planes, gain):
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    kernel = np.outer(kernel, kernel) * gain
    padded = np.pad(planes, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(2, 3))
    return np.einsum("nchwij,ij->nchw", windows, kernel)


def up(planes):
    n, c, h, w = planes.shape
    sparse = np.zeros((n, c, 2 * h, 2 * w))
    sparse[:, :, ::2, ::2] = planes
    return smooth(sparse, 4)


def laplacian(planes, levels):
    pyramid = [planes]
    for _ in range(levels - 1):
        pyramid.append(smooth(pyramid[-1], 1)[:, :, ::2, ::2])
        pyramid[-2] = pyramid[-2] - up(pyramid[-1])
    return pyramid


def descriptors(planes, corners, side):
    found = [
        planes[image, :, y : y + side, x : x + side]
        for image in range(len(planes))
        for x, y in corners[image].astype(int)
    ]
    found = np.stack(found)
    found = found - found.mean(axis=(0, 2, 3), keepdims=True)
    found = found / found.std(axis=(0, 2, 3), keepdims=True)
    return found.reshape(len(found), -1)


def distance(a, b, directions):
    return 1000 * np.abs(np.sort(a @ directions, axis=0) - np.sort(b @ directions, axis=0)).mean()


def gaussian(side):
    x = np.arange(side) - (side - 1) / 2
    deviation = 1.5 * side / 11
    g = np.exp(-(x**2) / (2 * deviation**2))
    g = np.outer(g, g)
    return g / g.sum()


def filtered(plane, window):
    views = np.lib.stride_tricks.sliding_window_view(plane, window.shape)
    return np.einsum("hwij,ij->hw", views, window)


def similarity(x, y):
    c1, c2 = 0.01**2, 0.03**2
    window = gaussian(min(11, *x.shape))
    mx, my = filtered(x, window), filtered(y, window)
    vx, vy = filtered(x * x, window) - mx * mx, filtered(y * y, window) - my * my
    cov = filtered(x * y, window) - mx * my
    contrast = (2 * cov + c2) / (vx + vy + c2)
    return ((2 * mx * my + c1) / (mx**2 + my**2 + c1) * contrast).mean(), contrast.mean()


def ms_ssim(a, b):
    weights = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
    scales = 1
    while scales < 5 and a.shape[1] // 2**scales >= 11:
        scales += 1
    weights = np.array(weights[:scales]) / sum(weights[:scales])
    result = 1.0
    for scale, weight in enumerate(weights):
        pairs = np.array([similarity(x, y) for x, y in zip(a, b)]).mean(axis=0)
        result *= max(0.0, pairs[0] if scale == scales - 1 else pairs[1]) ** weight
        n, h, w = a.shape
        a = a.reshape(n, h // 2, 2, w // 2, 2).mean(axis=(2, 4))
        b = b.reshape(n, h // 2, 2, w // 2, 2).mean(axis=(2, 4))
    return result


def main():
    file = load_file(sys.argv[1])
    a, b = file["a"].astype(np.float64), file["b"].astype(np.float64)
    levels = sorted((int(key.split(".")[1]) for key in file if key.startswith("corners.")), reverse=True)
    for size, pa, pb in zip(levels, laplacian(a, len(levels)), laplacian(b, len(levels))):
        corners = file[f"corners.{size}"]
        side = 7 if size >= 16 else 5 if size >= 8 else 3
        directions = file[f"directions.{size}"].astype(np.float64)
        print(repr(float(distance(descriptors(pa, corners, side), descriptors(pb, corners, side), directions))))
    for x, y in zip(a, b):
        print(repr(float(ms_ssim(x, y))))


main()
