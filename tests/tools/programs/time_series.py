"""One file a time point, in the order of their names."""

from pathlib import Path

import nd2watch
import nd2watch.tools

files = sorted(Path("images").glob("*.tif"))
nd2watch.tools.convert_sequence_to_nd2(files, Path("output.nd2"), experiment="timeloop")
