"""Cards, the catalogue of weights, loading and saving. Importing this does not import torch."""

from pixcli.models.card import Card
from pixcli.models.catalogue import catalogue, find
from pixcli.models.load import Model, load
from pixcli.models.save import describe, record, save, share

__all__ = ["Card", "Model", "catalogue", "describe", "find", "load", "record", "save", "share"]
