"""Where lanes run: one file a target, all behind the protocol in `base`."""
