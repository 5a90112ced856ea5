"""One call through the real command, against servers on loopback that speak the providers' wire protocols."""
