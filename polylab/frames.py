"""Fast frames: a still matplotlib figure, on which a few artists move, as PNG bytes.

A full redraw of a figure takes tens of milliseconds, most of it for ticks, labels and frames that
do not change. Here the still parts are drawn once; each frame restores them as pixels and draws
only the moving artists on top (matplotlib calls this blitting). A palette picture of at most 256
colours then takes a quarter of the time that true colour takes to compress.
"""

import io
import zlib

import numpy
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from PIL import Image

_PALETTE = 256
_SHADES = 12  # from the background to a moving colour, for smooth edges


class Frame:
    """Pixels of a figure in which only some artists change.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Made without pyplot. Axis limits must be fixed: a frame never redraws the axes.
    moving : sequence of matplotlib.artist.Artist
        The artists that change from frame to frame, drawn in this order.
    colours : sequence of matplotlib colours
        All colours that the moving artists take, at most 16.

    Raises
    ------
    ValueError
        If an artist is not part of the figure, or there are too many colours.
    """

    def __init__(self, figure, moving, colours):
        for artist in moving:
            if artist.get_figure() is not figure:
                raise ValueError(f"moving must hold artists of the figure, got {artist!r}")
            artist.set_animated(True)
        if len(colours) > 16:
            raise ValueError(f"colours must hold at most 16 colours, got {len(colours)}")
        self._moving = tuple(moving)
        self._canvas = FigureCanvasAgg(figure)
        self._canvas.draw()
        self._still = self._canvas.copy_from_bbox(figure.bbox)
        self._palette = _palette(self._pixels(), colours)

    def png(self):
        """Return the figure as it is now.

        Returns
        -------
        bytes
            A PNG picture of the size of the figure.
        """
        self._canvas.restore_region(self._still)
        for artist in self._moving:
            artist.axes.draw_artist(artist)
        picture = self._pixels().quantize(palette=self._palette, dither=Image.Dither.NONE)
        buffer = io.BytesIO()
        picture.save(buffer, "png", compress_level=1, compress_type=zlib.Z_RLE)
        return buffer.getvalue()

    def _pixels(self):
        return Image.fromarray(numpy.asarray(self._canvas.buffer_rgba())).convert("RGB")


def _palette(still, colours):
    """Return a palette: white, shades of the moving colours, and the still picture's own."""
    levels = numpy.linspace(0, 1, _SHADES + 1)[1:, None]
    shades = [1 - levels * (1 - numpy.array(to_rgb(colour))) for colour in colours]
    moving = numpy.round(255 * numpy.concatenate([numpy.ones((1, 3)), *shades])).astype(int)
    quiet = still.quantize(_PALETTE - len(moving), dither=Image.Dither.NONE).getpalette()
    quiet = numpy.reshape(quiet, (-1, 3))
    # Pillow compares colours rounded down to a multiple of 4, so it takes an almost white entry
    # for white, and the whole background with it.
    quiet[(quiet > 243).all(axis=1)] = 255
    palette = Image.new("P", (1, 1))
    palette.putpalette(quiet.ravel().tolist() + moving.ravel().tolist())
    return palette
