"""The service that watches folders and converts what becomes complete."""

from nd2watch.service.daemon import Daemon, serve
from nd2watch.service.settings import ServiceSettings, Watch, load_settings

__all__ = ["Daemon", "ServiceSettings", "Watch", "load_settings", "serve"]
