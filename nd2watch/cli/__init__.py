"""The command line, a module for each group of commands."""

from nd2watch.cli.parser import main

__all__ = ["main"]
