"""Fast frames: a still matplotlib figure, on which a few artists move, as PNG bytes.

A full redraw of a figure takes tens of milliseconds, most of it for ticks, labels and frames that
do not change. Here the still parts are drawn once; each frame restores them as pixels and draws
only the moving artists on top (matplotlib calls this blitting).
"""

import io

import numpy
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image


class Frame:
    """Pixels of a figure in which only some artists change.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Made without pyplot. Axis limits must be fixed: a frame never redraws the axes.
    moving : sequence of matplotlib.artist.Artist
        The artists that change from frame to frame, drawn in this order.

    Raises
    ------
    ValueError
        If an artist is not part of the figure.
    """

    def __init__(self, figure, moving):
        for artist in moving:
            if artist.get_figure() is not figure:
                raise ValueError(f"moving must hold artists of the figure, got {artist!r}")
            artist.set_animated(True)
        self._moving = tuple(moving)
        self._canvas = FigureCanvasAgg(figure)
        self._canvas.draw()
        self._still = self._canvas.copy_from_bbox(figure.bbox)

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
        pixels = Image.fromarray(numpy.asarray(self._canvas.buffer_rgba())).convert("RGB")
        buffer = io.BytesIO()
        pixels.save(buffer, "png", compress_level=1)
        return buffer.getvalue()
