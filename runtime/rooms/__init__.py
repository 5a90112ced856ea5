"""LiveKit rooms → calls: the worker, its jobs, and the link between them."""

import warnings

# A development server's secret is short (`secret`): PyJWT would say so of each token, in each process of a worker.
warnings.filterwarnings("ignore", message="The HMAC key is")
