import numpy as np
import pytest
from PIL import Image, ImageDraw

from ald_keras.datasets.shape_drawing import SHAPES, SIDE, draw_shapes

SQUARE, ELLIPSE, HEART = range(3)
KINDS = pytest.mark.parametrize("kind", [SQUARE, ELLIPSE, HEART], ids=SHAPES)
MIDDLE = (0.5, 0.5, 0.75, 0.0)


def draw(kind, *places, size=64):
    """Images in [0, 1], shape `(n, size, size)`; each place is a number or a list."""
    arrays = np.broadcast_arrays(kind, *(np.atleast_1d(place) for place in places))
    return draw_shapes(*arrays, size=size)[..., 0] / 255


def random_places(count, seed=0):
    random = np.random.default_rng(seed)
    return (
        random.uniform(0.25, 0.75, count),
        random.uniform(0.25, 0.75, count),
        random.uniform(0.5, 1, count),
        random.uniform(0, 2 * np.pi, count),
    )


def centroids(images):
    centres = np.arange(images.shape[1]) + 0.5
    mass = images.sum(axis=(1, 2))
    return (images.sum(axis=1) @ centres / mass, images.sum(axis=2) @ centres / mass)


def pillow_image(kind, x, y, scale, rotation, size=64, fine=16):
    """The same shape as a polygon (and discs) of Pillow's, drawn large and averaged."""
    image = Image.new("L", (size * fine, size * fine))
    canvas = ImageDraw.Draw(image)
    turn = np.exp(1j * rotation)
    side = SIDE * scale

    def place(points):
        points = np.asarray(points) * turn * side * size * fine
        offset = (x + 1j * y) * size * fine
        return [(p.real, p.imag) for p in np.conj(points) + offset]

    corners = np.array([1 + 1j, -1 + 1j, -1 - 1j, 1 - 1j]) / 2
    angles = np.linspace(0, 2 * np.pi, 400)
    if kind == SQUARE:
        canvas.polygon(place(corners), fill=255)
    elif kind == ELLIPSE:
        half = np.sqrt(2 / np.pi)
        points = half * np.cos(angles) + 0.5j * half * np.sin(angles)
        canvas.polygon(place(points), fill=255)
    else:
        # Tip at 0, then moved by the centroid's height, found by counting pixels below.
        shrink = 1 / np.sqrt(1 + np.pi / 4)
        diamond = corners * np.exp(0.25j * np.pi)
        height = heart_centroid_height()
        for points in (
            diamond,
            0.5 * np.exp(1j * angles) + 0.5 * np.exp(0.25j * np.pi),
            0.5 * np.exp(1j * angles) + 0.5 * np.exp(0.75j * np.pi),
        ):
            canvas.polygon(place((points - 1j * height) * shrink), fill=255)
    pixels = np.asarray(image, np.float64) / 255
    return pixels.reshape(size, fine, size, fine).mean(axis=(1, 3))


def heart_centroid_height():
    """Above the centre of the heart's square, of side 1, by a sum over a fine grid."""
    across, up = np.meshgrid(*[np.linspace(-1.2, 1.2, 1201)] * 2)
    inside = np.abs(across) + np.abs(up) <= np.sqrt(0.5)
    for sign in (-1, 1):
        centre = 0.5 * np.sqrt(0.5)
        inside |= (across - sign * centre) ** 2 + (up - centre) ** 2 <= 0.25
    return up[inside].mean()


@KINDS
def test_images_are_those_of_another_renderer(kind):
    places = random_places(12, seed=kind)
    images = draw(kind, *places)
    for image, place in zip(images, zip(*places, strict=True), strict=True):
        expected = pillow_image(kind, *place)
        # A corner that ends in a pixel's middle fills a quarter of it, and is drawn
        # half bright.
        assert np.abs(image - expected).max() < 0.3
        assert np.abs(image - expected).sum() < 0.015 * expected.sum() + 2


def test_brightness_of_an_upright_square_is_the_share_of_each_pixel():
    # Its side is 0.26 * 50 = 13 pixels; it ends within one by 0.25, another by 0.75.
    (image,) = 255 * draw(SQUARE, 25.25 / 50, 0.5, 1.0, 0.0, size=50)
    expected = [0] * 18 + [64] + [255] * 12 + [191] + [0] * 18
    assert np.rint(image[25]).astype(int).tolist() == expected


@KINDS
def test_area_grows_with_the_square_of_scale(kind):
    scales = np.linspace(0.5, 1, 6)
    areas = draw(kind, 0.5, 0.5, scales, 0.3).sum(axis=(1, 2))
    np.testing.assert_allclose(areas, (SIDE * 64 * scales) ** 2, rtol=0.01)


@KINDS
def test_centroid_is_where_it_was_asked_for(kind):
    x, y, scale, rotation = random_places(40)
    across, down = centroids(draw(kind, x, y, scale, rotation))
    np.testing.assert_allclose(across, 64 * x, atol=0.05)
    np.testing.assert_allclose(down, 64 * y, atol=0.05)


@KINDS
@pytest.mark.parametrize("axis", [0, 1], ids=["x", "y"])
def test_a_shift_of_whole_pixels_only_moves_the_image(kind, axis):
    # In the images x runs along the last axis and y along the one before.
    place = [0.5, 0.5]
    place[axis] += 5 / 64
    first = draw(kind, 0.5, 0.5, 0.75, 0.4)[0]
    moved = draw(kind, *place, 0.75, 0.4)[0]
    np.testing.assert_allclose(moved, np.roll(first, 5, axis=1 - axis), atol=0.005)


@KINDS
def test_edges_are_grey_and_all_else_is_black_or_white(kind):
    (image,) = draw(kind, 0.51, 0.49, 0.9, 0.5)
    grey = (image > 0) & (image < 1)
    length = 4 * SIDE * 0.9 * 64
    assert 0.5 * length < grey.sum() < 2.5 * length
    assert len(np.unique(image[grey])) > 20
    # A grey pixel has a black and a white one close by.
    for row, column in np.argwhere(grey):
        near = image[row - 2 : row + 3, column - 2 : column + 3]
        assert near.min() == 0
        assert near.max() == 1


@KINDS
def test_light_varies_smoothly_under_shifts_below_a_pixel(kind):
    shifts = np.linspace(0, 1 / 64, 33)
    images = draw(kind, 0.5 + shifts, 0.5, 0.75, 0.4)
    light = images.sum(axis=(1, 2))
    assert np.ptp(light) < 0.006 * light.mean()
    steps = np.abs(np.diff(images, axis=0)).max(axis=(1, 2))
    # A 32nd of a pixel changes no pixel by much more than that, and always some.
    assert (steps < 1.5 / 32 + 1 / 255).all()
    assert (steps > 0.5 / 32).all()
    across, _ = centroids(images)
    np.testing.assert_allclose(across - 32, 64 * shifts, atol=0.03)


def test_square_turned_by_a_right_angle_is_the_same():
    angles = np.array([0, 0.5, 1, 1.5]) * np.pi + 0.2
    images = draw(SQUARE, 0.4, 0.6, 0.8, angles)
    for image in images[1:]:
        np.testing.assert_allclose(image, images[0], atol=0.005)
    (eighth,) = draw(SQUARE, 0.4, 0.6, 0.8, 0.2 + np.pi / 4)
    assert np.abs(eighth - images[0]).max() > 0.9


def test_ellipse_lies_and_is_the_same_after_half_a_turn():
    first, half, quarter = draw(ELLIPSE, 0.5, 0.5, 1.0, [0, np.pi, np.pi / 2])
    np.testing.assert_allclose(half, first, atol=0.005)
    np.testing.assert_allclose(quarter, first.T, atol=0.005)
    assert (first.max(axis=0) > 0.5).sum() > 1.8 * (first.max(axis=1) > 0.5).sum()


def test_heart_stands_on_its_tip_and_is_mirror_symmetric():
    (image,) = draw(HEART, *MIDDLE)
    np.testing.assert_allclose(image, image[:, ::-1], atol=0.005)
    assert np.abs(image - image[::-1]).max() > 0.9
    widths = image.sum(axis=1)
    rows = np.flatnonzero(widths > 0.5)
    # Two bumps with a notch above, narrow below.
    assert image[rows[0], 32] < 0.1 < image[rows[0]].max()
    assert widths[rows[-1]] < 0.25 * widths.max()


def test_rotation_is_counterclockwise_as_seen():
    upright, left = draw(HEART, 0.5, 0.5, 0.75, [0, np.pi / 2])
    np.testing.assert_allclose(left, np.rot90(upright), atol=0.005)
    assert np.abs(left - np.rot90(upright, -1)).max() > 0.9


def test_no_shape_of_the_largest_scale_touches_the_edge():
    for size in (16, 64):
        for kind in range(3):
            corners = [(0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)]
            for x, y in corners:
                angles = np.linspace(0, 2 * np.pi, 73)
                light = draw(kind, x, y, 1.0, angles, size=size).sum(axis=(1, 2))
                whole = draw(kind, 0.5, 0.5, 1.0, angles, size=size).sum(axis=(1, 2))
                np.testing.assert_allclose(light, whole, rtol=2e-3)


def test_other_sizes_are_the_same_picture():
    small, large = (draw(HEART, 0.4, 0.55, 0.9, 1.0, size=size) for size in (32, 128))
    averaged = large.reshape(1, 32, 4, 32, 4).mean(axis=(2, 4))
    assert np.abs(averaged - small).max() < 0.2
    np.testing.assert_allclose(averaged.sum(), small.sum(), rtol=0.02)


def test_centre_of_an_ellipse_on_a_pixel_centre_is_white():
    (image,) = draw(ELLIPSE, 0.5, 0.5, 0.75, 0.0, size=33)
    assert image[16, 16] == 1


def test_kinds_may_be_mixed_and_many():
    places = random_places(300)
    kinds = np.random.default_rng(1).integers(3, size=300)
    images = draw_shapes(kinds, *places)
    assert images.dtype == np.uint8
    assert images.shape == (300, 64, 64, 1)
    for row in (0, 150, 299):
        alone = draw_shapes(kinds[[row]], *(place[[row]] for place in places))
        np.testing.assert_array_equal(images[row], alone[0])
