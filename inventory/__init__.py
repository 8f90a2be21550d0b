"""What the operator writes, in YAML, made one accepted ``Policy``; or refused with every mistake at once."""

from inventory.folder import yaml_files
from inventory.load import Accepted, load
from inventory.mistakes import Code, InventoryError
from inventory.registries import MailExchangers, Registries

__all__ = ["Accepted", "Code", "InventoryError", "MailExchangers", "Registries", "load", "yaml_files"]
