"""Films: FilmReader gives upright Pictures with exact timestamps."""

from pixcli.media.film_read import FilmReader, Frame

__all__ = ["FilmReader", "Frame"]
