"""Films: FilmReader gives upright Pictures with exact timestamps, FilmWriter carries all else across."""

from pixcli.media.film_codec import output_suffix
from pixcli.media.film_read import WHOLE, FilmReader, Part
from pixcli.media.film_source import FilmSource, Frame
from pixcli.media.film_write import FilmWriter, join

__all__ = ["WHOLE", "FilmReader", "FilmSource", "FilmWriter", "Frame", "Part", "join", "output_suffix"]
