from pixcli.tasks.base import Option, PictureTask


class Colorize(PictureTask):
    """Colour black-and-white photographs and films."""

    name, default = "colorize", "colorize"
    temperature = Option(None, "Annealed mean: lower is more vivid.", float, min=0.01, max=2)
