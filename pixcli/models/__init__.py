"""Cards, the catalogue of weights, and loading. Importing this does not import torch."""

from pixcli.models.card import Card
from pixcli.models.catalogue import catalogue, find
from pixcli.models.load import Model, load, save

__all__ = ["Card", "Model", "catalogue", "find", "load", "save"]
