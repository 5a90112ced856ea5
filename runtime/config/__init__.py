"""Command line and files → one checked spec. The only home of Hydra, OmegaConf and YAML."""
