"""What single acquisition programs write beside and into their frames.

The functions of a module are those of `nd2watch.simulate.run.Program`, where their parameters are
described.
"""
