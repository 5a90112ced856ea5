"""A declarative voice-persona runtime on LiveKit: files in, a call, files out."""

import os

# Vectors of sentences are compared by NumPy. Its OpenBLAS would do that on all cores, and its threads wait for one
# another longer than one takes for the whole of it, most of all where calls need the cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
