"""A declarative voice-persona runtime on LiveKit: files in, a call, files out."""
