"""A simulated microscope that writes frames, and what lies beside them, as programs do.

The names of a program's frames are told by a template, see
`nd2watch.config.SimulateConfig`, with these fields:

- ``name``: that of the run;
- ``t``, ``z``, ``c``: number of time point, plane and channel, from the first of `simulate` or of
  the preset, else from 1; without a width ``c`` is the channel's name where the preset's
  `channel_name` is ``c``;
- ``cname``: name of the channel;
- ``p``: number of the XY position among all; ``site`` or ``field``: in its well;
- ``well``: like ``B02``; ``row``: its letter, or with a width its number; ``col``: number of its
  column; ``number``: its running number on the plate, row by row;
- ``part``: number of the file, where the pages of a file are limited; its brackets are left out in
  the first;
- ``days``, ``hours``, ``minutes``: since the start, of the time point; ``clock`` and ``start``:
  when it was, and the start of the run, with a form of `datetime.strftime`;
- ``guid``: an identity of the file.
"""

from nd2watch.simulate.acquisition import DEFAULT_PATTERN, Acquisition, simulate
from nd2watch.simulate.manner import Manner
from nd2watch.simulate.program_run import ProgramRun, RunRequest, plan_run
from nd2watch.simulate.program_writing import write_run
from nd2watch.simulate.specimen import Coordinates

__all__ = [
    "DEFAULT_PATTERN",
    "Acquisition",
    "Coordinates",
    "Manner",
    "ProgramRun",
    "RunRequest",
    "plan_run",
    "simulate",
    "write_run",
]
