"""Films: FilmReader gives upright Pictures with exact timestamps, FilmWriter carries all else across."""

from pixcli.media.film_codec import output_suffix
from pixcli.media.film_read import FilmReader, Frame
from pixcli.media.film_write import FilmWriter

__all__ = ["FilmReader", "FilmWriter", "Frame", "output_suffix"]
