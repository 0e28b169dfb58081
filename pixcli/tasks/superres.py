from pixcli.tasks.base import Option, PictureTask


class SuperRes(PictureTask):
    """Enlarge photographs and films by any factor."""

    name, default = "superres", "superres"
    scale = Option(None, "Enlargement, any number above 1 (default 4).", float, min=1.0, max=16)
